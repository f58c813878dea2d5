package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Start starts units in their turn, and returns when they have started.
func (m *Machine) Start(ctx context.Context, units ...string) error {
	for _, unit := range units {
		if _, err := m.Run(ctx, "systemctl", "start", unit); err != nil {
			journal, _ := m.Journal(ctx, unit, "--lines=30")
			return fmt.Errorf("%w\n%s", err, journal)
		}
	}
	return nil
}

// Property is a property of a unit, as "ActiveState", in the words of "systemctl show".
func (m *Machine) Property(ctx context.Context, unit, name string) (string, error) {
	value, err := m.Run(ctx, "systemctl", "show", "--property="+name, "--value", unit)
	return strings.TrimSpace(value), err
}

// MainPID is the process of a service as the machine counts it; 0: none runs.
func (m *Machine) MainPID(ctx context.Context, unit string) (int, error) {
	value, err := m.Property(ctx, unit, "MainPID")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(value)
}

// Journal is what a unit has printed and what systemd says of it. The arguments are more
// of journalctl's.
func (m *Machine) Journal(ctx context.Context, unit string, args ...string) (string, error) {
	if _, err := m.Run(ctx, "journalctl", "--sync"); err != nil {
		return "", err
	}
	return m.Run(ctx, append([]string{"journalctl", "--quiet", "--unit=" + unit}, args...)...)
}

// DropIn changes settings of a unit, as "systemctl edit" does; an empty text takes that
// back.
func (m *Machine) DropIn(ctx context.Context, unit, text string) error {
	if err := m.WriteFile("/etc/systemd/system/"+unit+".d/test.conf", []byte(text), 0o644); err != nil {
		return err
	}
	_, err := m.Run(ctx, "systemctl", "daemon-reload")
	return err
}

// Configure writes cri-logshim's configuration file; the text needs not say which API
// version it is of. It is watched, so a running service may follow at once.
func (m *Machine) Configure(text string) error {
	const head = "apiVersion: cri-logshim.io/v1alpha1\nkind: Configuration\n"
	return m.WriteFile("/etc/cri-logshim/config.yaml", []byte(head+text), 0o644)
}

// Probe tries what a service has no business to do, once as any process of root may and
// once as the service of a unit, in whose stead it runs from then on. Both say of each
// attempt, by its name, "allowed" or why not.
func (m *Machine) Probe(ctx context.Context, programs Programs, unit string) (free, confined map[string]string, err error) {
	const inside = "/usr/local/bin/probe"
	binary, err := os.ReadFile(programs.probe)
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(m.WriteFile(inside, binary, 0o755), m.WriteFile("/root/secret", nil, 0o600)); err != nil {
		return nil, nil, err
	}
	said, err := m.Run(ctx, inside)
	if err != nil {
		return nil, nil, err
	}
	err = m.DropIn(ctx, unit, "[Service]\nType=oneshot\nRestart=no\nWatchdogSec=0\nExecStart=\nExecStart="+inside+"\n")
	if err != nil {
		return nil, nil, err
	}
	if err := m.Start(ctx, unit); err != nil {
		return nil, nil, err
	}
	journal, err := m.Journal(ctx, unit, "--output=cat", "_COMM=probe")
	return attempts(said), attempts(journal), err
}

// attempts are what a probe has said.
func attempts(text string) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(text) {
		if name, outcome, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			found[name] = outcome
		}
	}
	return found
}

// Get asks cri-logshim's admin socket for a path, as "/readyz". Another status than 200 is
// an error.
func (m *Machine) Get(ctx context.Context, path string) (string, error) {
	return getFrom(ctx, m.Root("/run/cri-logshim/admin.sock"), path)
}

// Metric is as that of a Shim.
func (m *Machine) Metric(ctx context.Context, name string, labels ...string) (float64, error) {
	text, err := m.Get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	return metricIn(text, name, labels)
}

// Endpoint is where a unix socket of the machine is reached from outside.
func (m *Machine) Endpoint(path string) string { return "unix://" + m.Root(path) }

// Dial returns a new client that speaks to containerd through cri-logshim.
func (m *Machine) Dial() (*Client, error) { return m.dial("/run/cri-logshim/cri-logshim.sock") }

// DialContainerd returns a new client of containerd itself.
func (m *Machine) DialContainerd() (*Client, error) { return m.dial(machineContainerd) }

func (m *Machine) dial(path string) (*Client, error) {
	client, err := Dial(m.Endpoint(path))
	if err == nil {
		client.root = m.Root("/")
	}
	return client, err
}

// ImportImage waits until containerd takes CRI calls, and gives it the Image.
func (m *Machine) ImportImage(ctx context.Context, install Install, programs Programs) error {
	client, err := m.DialContainerd()
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	err = Until(waiting, client.ready)
	if err == nil {
		err = importImage(ctx, install, programs, client, m.Root(machineContainerd), m.Dir)
	}
	return errors.Join(err, client.Close())
}
