package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

const (
	// readyTime is how long kubelet may be unable to start a pod.
	readyTime   = 20 * time.Second
	kubeletLink = "/run/cri-logshim/kubelet.sock"
	shimSocket  = "/run/cri-logshim/cri-logshim.sock"
	runtimePath = "/run/containerd/containerd.sock"
)

// led is a machine whose kubelet has cri-logshim's link as its endpoint, and a pod.
type led struct {
	m       *testbed.Machine
	runtime *testbed.Client // past the shim
	program []byte          // cri-logshim as it was installed
	pods    int             // made so far
	settled []string        // ids of containers that nothing may hurt
}

func newLed(t *testing.T) *led {
	t.Helper()
	units := atBoot()
	units[testbed.KubeletUnit] = "multi-user.target"
	l := &led{m: newMachine(t, testbed.MachineOptions{Enabled: units})}
	t.Cleanup(func() {
		for _, unit := range []string{testbed.ShimSocket, testbed.BypassUnit, testbed.RetryUnit} {
			if t.Failed() {
				journal, err := l.m.Journal(context.Background(), unit, "--lines=30")
				t.Logf("the journal of %s ends with (%v):\n%s", unit, err, journal)
			}
		}
	})
	var err error
	if l.program, err = os.ReadFile(l.m.Root(installedShim)); err != nil {
		t.Fatal(err)
	}
	if l.runtime, err = l.m.DialContainerd(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.runtime.Close() })
	l.settle(t)
	return l
}

// anotherPod is how often kubelet is given one more: it does not try one again for up to 15 s
// that it could not start.
const anotherPod = 3 * time.Second

// startPod has kubelet start pods, waits for the first one that runs until long after since,
// and takes back the others.
func (l *led) startPod(t *testing.T, since time.Time, long time.Duration) *runtimeapi.Container {
	t.Helper()
	ctx, cancel := context.WithDeadline(t.Context(), since.Add(long))
	defer cancel()
	first := l.pods + 1
	var last time.Time
	var found *runtimeapi.Container
	err := testbed.Until(ctx, func(ctx context.Context) (err error) {
		if time.Since(last) >= anotherPod {
			last = time.Now()
			l.pods++
			if err := l.m.RunStatic(l.pod(l.pods)); err != nil {
				t.Fatal(err)
			}
		}
		found, err = l.running(ctx, first)
		return err
	})
	if err != nil {
		t.Fatalf("no pod is started within %v after the fault: %v", long, err)
	}
	t.Logf("a pod runs %v after the fault", time.Since(since).Round(100*time.Millisecond))
	for i := first; i <= l.pods; i++ {
		if l.pod(i).FullName() == found.Labels["io.kubernetes.pod.name"] {
			continue
		}
		if err := l.m.RemoveStatic(l.pod(i)); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// running is the container of a pod that runs, of those from the nth on.
func (l *led) running(ctx context.Context, n int) (*runtimeapi.Container, error) {
	answer, err := l.runtime.ListContainers(ctx, &runtimeapi.ListContainersRequest{})
	if err != nil {
		return nil, err
	}
	for _, c := range answer.Containers {
		for i := n; i <= l.pods; i++ {
			if c.State == runtimeapi.ContainerState_CONTAINER_RUNNING && c.Labels["io.kubernetes.pod.name"] == l.pod(i).FullName() {
				return c, nil
			}
		}
	}
	return nil, fmt.Errorf("of %d pods none runs", l.pods-n+1)
}

// settle has kubelet start a pod through a daemon that has started none, and waits until
// kubelet knows that it has: a call in flight fails with the daemon, and is made again.
func (l *led) settle(t *testing.T) {
	t.Helper()
	l.settled = append(l.settled, l.startPod(t, time.Now(), time.Minute).Id)
	eventually(t, func(ctx context.Context) error {
		calls, err := l.m.Metric(ctx, "grpc_server_handled_total", `grpc_method="StartContainer"`, `grpc_code="OK"`)
		if err == nil && calls == 0 {
			err = errors.New("kubelet has started nothing through the shim")
		}
		return err
	})
}

func (l *led) pod(i int) testbed.StaticPod {
	return testbed.StaticPod{Name: fmt.Sprintf("pod-%d", i), Command: []string{"sleep", "1000000"}, Restart: "Always"}
}

// leads holds where the link leads.
func (l *led) leads(t *testing.T, want string) {
	t.Helper()
	if err := l.leadsTo(want); err != nil {
		t.Error(err)
	}
}

func (l *led) leadsTo(want string) error {
	if target, err := os.Readlink(l.m.Root(kubeletLink)); err != nil || target != want {
		return fmt.Errorf("kubelet's endpoint leads to %q, %w, want %q", target, err, want)
	}
	return nil
}

// stop stops a daemon that was given up, as who does not want it to be started again.
func (l *led) stop(t *testing.T) {
	t.Helper()
	if err := l.m.Active(t.Context(), testbed.RetryUnit); err != nil {
		t.Errorf("nobody waits to start it again: %v", err)
	}
	l.run(t, "systemctl", "stop", testbed.ShimSocket, testbed.ShimUnit)
	if err := l.m.Active(t.Context(), testbed.RetryUnit); err == nil {
		t.Error("somebody waits to start it again, though it was stopped")
	}
}

// says waits until the journal of a unit has a text, since a moment.
func (l *led) says(t *testing.T, unit string, since time.Time, text string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		journal, err := l.m.Journal(ctx, unit, fmt.Sprintf("--since=@%d", since.Unix()))
		if err == nil && !strings.Contains(journal, text) {
			err = fmt.Errorf("the journal of %s does not say %q:\n%s", unit, text, journal)
		}
		return err
	})
}

// run runs a command in the machine, which must succeed.
func (l *led) run(t *testing.T, command ...string) {
	t.Helper()
	if _, err := l.m.Run(t.Context(), command...); err != nil {
		t.Fatal(err)
	}
}

// back does by hand what an operator does when the cause is mended.
func (l *led) back(t *testing.T) {
	t.Helper()
	l.run(t, "systemctl", "reset-failed", testbed.ShimUnit)
	l.run(t, "systemctl", "restart", testbed.ShimUnit)
	l.run(t, "cri-logshim", "bypass", "off")
	l.leads(t, shimSocket)
	l.run(t, "systemctl", "restart", testbed.KubeletUnit)
	l.settle(t)
}

// unhurt holds that the containers from before the faults run, and that kubelet has never
// thought that the runtime was down.
func (l *led) unhurt(t *testing.T) {
	t.Helper()
	for _, id := range l.settled {
		answer, err := l.runtime.ContainerStatus(t.Context(), &runtimeapi.ContainerStatusRequest{ContainerId: id})
		if err != nil || answer.Status.State != runtimeapi.ContainerState_CONTAINER_RUNNING {
			t.Errorf("container %s: %v, %v", id, answer, err)
		}
	}
	journal, err := l.m.Journal(t.Context(), testbed.KubeletUnit)
	if err != nil || journal == "" {
		t.Fatalf("kubelet's journal: %v:\n%s", err, journal)
	}
	for line := range strings.Lines(journal) {
		if strings.Contains(line, "container runtime is down") {
			t.Errorf("kubelet says: %s", line)
		}
	}
}

// A program that exits at once is given up after five starts, and kubelet led to the runtime;
// when it is mended the daemon comes back by itself, and the endpoint with it.
func TestBypassComesAndGoesByItself(t *testing.T) {
	t.Parallel()
	l := newLed(t)
	install(t, l.m, []byte("#!/bin/sh\nexit 1\n"))
	since := time.Now()
	l.run(t, "systemctl", "kill", "--kill-whom=main", "--signal=SIGKILL", testbed.ShimUnit)
	l.startPod(t, since, readyTime)
	l.leads(t, runtimePath)
	l.says(t, testbed.BypassUnit, since, "does not come up: kubelet's endpoint "+kubeletLink+" now leads past it, to the runtime, "+runtimePath)
	l.says(t, testbed.BypassUnit, since, "To go back: ")
	l.says(t, testbed.ShimUnit, since, "Start request repeated too quickly")

	install(t, l.m, l.program)
	eventually(t, func(ctx context.Context) error { return l.m.Active(ctx, testbed.ShimUnit) })
	t.Logf("the daemon serves again %v after the fault", time.Since(since).Round(100*time.Millisecond))
	l.leads(t, runtimePath)
	l.says(t, testbed.ShimUnit, since, "the automatic bypass has ended")
	l.leads(t, shimSocket)
	l.run(t, "systemctl", "restart", testbed.KubeletUnit)
	l.settle(t)
	l.unhurt(t)
}

// However the daemon fails, kubelet starts pods again within the time in which it does not
// yet call the runtime down, no pod notices, and what happened is in the journal.
func TestBypassOfEveryFault(t *testing.T) {
	t.Parallel()
	l := newLed(t)
	kill := func(t *testing.T, signal string) {
		t.Helper()
		l.run(t, "systemctl", "kill", "--kill-whom=main", "--signal="+signal, testbed.ShimUnit)
	}
	const exits, hangs = "#!/bin/sh\nexit 1\n", "#!/bin/sh\nexec sleep 1000000\n"
	for _, fault := range []struct {
		name   string
		strike func(t *testing.T)
		mend   func(t *testing.T)
		unit   string // whose journal says
		said   string
		stays  bool // where it is: a restart is enough
	}{
		{
			"a program that hangs before it serves",
			func(t *testing.T) { t.Helper(); install(t, l.m, []byte(hangs)); kill(t, "SIGKILL") },
			func(t *testing.T) { t.Helper(); install(t, l.m, l.program) },
			testbed.ShimUnit, "took too long to start or to stop: kubelet's endpoint", false,
		},
		{
			"a program that hangs while it serves",
			func(t *testing.T) { t.Helper(); kill(t, "SIGSTOP") },
			func(t *testing.T) { t.Helper() },
			testbed.ShimUnit, "Watchdog timeout", true,
		},
		{
			"an invalid configuration",
			func(t *testing.T) { t.Helper(); configure(t, l.m, "mode: between\n"); kill(t, "SIGKILL") },
			func(t *testing.T) { t.Helper(); l.stop(t); configure(t, l.m, "") },
			testbed.BypassUnit, "does not come up: kubelet's endpoint", false,
		},
		{
			"a program that exits at once, while /run is full",
			func(t *testing.T) {
				t.Helper()
				install(t, l.m, []byte(exits))
				fillRun(t, l.m)
				kill(t, "SIGKILL")
				eventually(t, func(context.Context) error { return l.leadsTo(runtimePath) })
				emptyRun(t, l.m) // or containerd starts nothing either
			},
			func(t *testing.T) { t.Helper(); install(t, l.m, l.program) },
			testbed.BypassUnit, "does not come up: kubelet's endpoint", false,
		},
	} {
		t.Run(fault.name, func(t *testing.T) {
			since := time.Now()
			fault.strike(t)
			l.startPod(t, since, readyTime)
			l.says(t, fault.unit, since, fault.said)
			if fault.stays {
				l.leads(t, shimSocket)
				l.settle(t)
				return
			}
			l.leads(t, runtimePath)
			l.unhurt(t)
			fault.mend(t)
			l.back(t)
		})
	}
	t.Run("a program that does not end when it is restarted", func(t *testing.T) {
		since := time.Now()
		if err := l.m.DropIn(t.Context(), testbed.ShimUnit, "[Service]\nTimeoutStopSec=1s\nKillSignal=SIGWINCH\n"); err != nil {
			t.Fatal(err)
		}
		l.run(t, "systemctl", "restart", testbed.ShimUnit)
		l.leads(t, runtimePath) // for ten seconds yet
		l.says(t, testbed.ShimUnit, since, "took too long to start or to stop: kubelet's endpoint "+kubeletLink+" now leads past it")
		l.says(t, testbed.ShimUnit, since, "the automatic bypass has ended")
		l.leads(t, shimSocket)
		if err := l.m.DropIn(t.Context(), testbed.ShimUnit, ""); err != nil {
			t.Fatal(err)
		}
	})
	l.unhurt(t)
}

// fillRun leaves neither a byte nor an inode in the machine's /run. Others write there meanwhile,
// so it is first made a little larger than what they have, and then filled.
func fillRun(t *testing.T, m *testbed.Machine) {
	t.Helper()
	const fill = `set -e
		used() { df "$1" /run | tail -n 1 | tr -d ' '; }
		mount -o remount,size=$(($(used --output=used) + 4096))k,nr_inodes=$(($(used --output=iused) + 200)) /run
		mkdir /run/fill
		cat /dev/zero >/run/fill/zeros || :
		i=0; while (: >/run/fill/$i); do i=$((i + 1)); done`
	if _, err := m.Run(t.Context(), "sh", "-c", fill); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Run(t.Context(), "sh", "-c", "echo >/run/more"); err == nil {
		t.Fatal("/run is not full")
	}
}

func emptyRun(t *testing.T, m *testbed.Machine) {
	t.Helper()
	if _, err := m.Run(t.Context(), "sh", "-c", "rm -r /run/fill && mount -o remount,size=1g,nr_inodes=100k /run"); err != nil {
		t.Fatal(err)
	}
}
