package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// atBoot is what an operator enables.
func atBoot() map[string]string {
	return map[string]string{
		testbed.ContainerdUnit: "multi-user.target",
		testbed.ShimUnit:       "multi-user.target",
		testbed.ShimSocket:     "sockets.target",
	}
}

// newMachine boots a machine whose containerd has the image.
func newMachine(t *testing.T, o testbed.MachineOptions) *testbed.Machine {
	t.Helper()
	install, err := testbed.Installed(testbed.Newest)
	if err != nil {
		t.Fatal(err)
	}
	m, err := testbed.NewMachine(t.Context(), install, programs, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			journal, err := m.Journal(context.Background(), testbed.ShimUnit, "--lines=100")
			t.Logf("the shim's journal ends with (%v):\n%s", err, journal)
			journal, err = m.Journal(context.Background(), testbed.KubeletUnit, "--lines=30")
			t.Logf("kubelet's journal ends with (%v):\n%s", err, journal)
		}
		if err := m.Close(); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	if err := m.ImportImage(t.Context(), install, programs); err != nil {
		t.Fatal(err)
	}
	return m
}

// dialMachine is a client that speaks to containerd through the machine's shim.
func dialMachine(t *testing.T, m *testbed.Machine) *testbed.Client {
	t.Helper()
	client, err := m.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// At boot the socket is there first, then the runtime serves, then the shim, then kubelet
// begins. Each is up before the next is begun with; and a pod of kubelet's runs, whose log is
// held to its limit, which the line of systemctl status says.
func TestBoot(t *testing.T) {
	units := atBoot()
	units[testbed.KubeletUnit] = "multi-user.target"
	m := newMachine(t, testbed.MachineOptions{Enabled: units})
	order := []string{testbed.ShimSocket, testbed.ContainerdUnit, testbed.ShimUnit, testbed.KubeletUnit}
	for i, unit := range order[1:] {
		active, next := moment(t, m, order[i], "ActiveEnterTimestampMonotonic"), moment(t, m, unit, "InactiveExitTimestampMonotonic")
		if active == 0 || next < active {
			t.Errorf("%s begins at %d µs, %s is up at %d µs", unit, next, order[i], active)
		}
	}
	configure(t, m, "node: {minFree: '', minFreeInodes: ''}\n") // this machine's disk may be nearly full
	if _, err := m.Run(t.Context(), "systemctl", "reload", testbed.ShimUnit); err != nil {
		t.Fatal(err)
	}
	err := m.RunStatic(testbed.StaticPod{
		Name: "writer", Command: []string{"seqwriter", "-stream=both", "-rate=10000000", "-count=60000", "-stay"}, Restart: "Always",
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func(context.Context) error {
		pods, err := os.ReadDir(m.Root("/var/log/pods"))
		if err != nil || len(pods) != 1 {
			return fmt.Errorf("%d pods have logs, %w", len(pods), err)
		}
		log := filepath.Join(m.Root("/var/log/pods"), pods[0].Name(), testbed.AppContainer, "0.log")
		found, err := testbed.Verify(log)
		if err == nil && found.Files < 2 {
			err = fmt.Errorf("%s has not been rotated", log)
		}
		if err == nil {
			err = found.Complete("stdout", "stderr")
		}
		return err
	})
	eventually(t, func(ctx context.Context) error {
		line, err := m.Property(ctx, testbed.ShimUnit, "StatusText")
		if err == nil && !strings.HasSuffix(line, ", logs managed: 1") {
			err = fmt.Errorf("the status line is %q", line)
		}
		return err
	})
}

// moment is a time in microseconds since the start of the kernel; 0: never.
func moment(t *testing.T, m *testbed.Machine, unit, property string) int64 {
	t.Helper()
	text, err := m.Property(t.Context(), unit, property)
	if err != nil {
		t.Fatal(err)
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}
