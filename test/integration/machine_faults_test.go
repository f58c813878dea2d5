package integration

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// However the service dies, or hangs, the first process that is started after it answers, and its
// pods know nothing of it: no container is started again and no line of a log is lost.
func TestServiceDies(t *testing.T) {
	m := newMachine(t, testbed.MachineOptions{Enabled: atBoot()})
	configure(t, m, "rotation: {maxSize: 1Mi, maxFiles: 1000}\nnode: {minFree: '', minFreeInodes: ''}\n")
	const watchdog, abort = 4 * time.Second, 1 * time.Second
	client := dialMachine(t, m)
	writer := runWriter(t, client, m.PodConfig("default", "writer"), "-stream=both", "-rate=500000")
	before := running(t, writer)

	signal := func(name string) func() time.Time {
		return func() time.Time {
			at := time.Now()
			if _, err := m.Run(t.Context(), "systemctl", "kill", "--kill-whom=main", "--signal="+name, testbed.ShimUnit); err != nil {
				t.Fatal(err)
			}
			return at
		}
	}
	for _, fault := range []struct {
		name, dropIn string
		strike       func() time.Time // and when it struck
		said         string           // by the journal
	}{
		{"killed", "", signal("SIGKILL"), "status=9/KILL"},
		{"aborted, as by a panic that nobody recovers from", "", signal("SIGABRT"), "goroutine "},
		{"out of memory", "MemoryMax=48M", func() time.Time { return takeMemory(t, m) }, "status=9/KILL"},
		{"hung", fmt.Sprintf("WatchdogSec=%v\nTimeoutAbortSec=%v", watchdog, abort), signal("SIGSTOP"), "Watchdog timeout"},
	} {
		t.Run(fault.name, func(t *testing.T) {
			dropIn(t, m, "[Service]\n"+fault.dropIn+"\n")
			for _, verb := range []string{"reset-failed", "restart"} { // more starts than are allowed in a row
				if _, err := m.Run(t.Context(), "systemctl", verb, testbed.ShimUnit); err != nil {
					t.Fatal(err)
				}
			}
			answers(t, client)
			pid := mainPID(t, m)
			since := fault.strike()
			t.Logf("answers again after %v", awayFor(t, m, client, pid, since))
			if restarts, err := m.Property(t.Context(), testbed.ShimUnit, "NRestarts"); err != nil || restarts != "1" {
				t.Errorf("systemd has started it %s times, want once: %v", restarts, err)
			}
			journal, err := m.Journal(t.Context(), testbed.ShimUnit, fmt.Sprintf("--since=@%d", since.Unix()))
			if err != nil || !strings.Contains(journal, fault.said) {
				t.Errorf("the journal does not say %q: %v\n%s", fault.said, err, journal)
			}
			if now := running(t, writer); now.StartedAt != before.StartedAt {
				t.Errorf("the container was started at %d, before at %d", now.StartedAt, before.StartedAt)
			}
		})
	}
	pause, err := m.Property(t.Context(), testbed.ShimUnit, "RestartUSec")
	if err != nil {
		t.Fatal(err)
	}
	if d, err := time.ParseDuration(pause); err != nil || d >= time.Second {
		t.Errorf("systemd waits for %s before it starts the service again: %v", pause, err)
	}
	files := len(rotatedNames(t, writer.LogPath()))
	eventually(t, func(context.Context) error { return moreThan(files+1, rotatedNames(t, writer.LogPath())) })
	if err := writer.Stop(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	found, err := testbed.Verify(writer.LogPath())
	if err != nil {
		t.Fatal(err)
	}
	if err := found.Complete("stdout", "stderr"); err != nil {
		t.Error(err)
	}
}

// awayFor waits until another process answers, and returns how long that took.
func awayFor(t *testing.T, m *testbed.Machine, client *testbed.Client, old int, since time.Time) time.Duration {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if pid, err := m.MainPID(ctx, testbed.ShimUnit); err != nil || pid == old || pid == 0 {
			return fmt.Errorf("the process is %d, %w", pid, err)
		}
		return nil
	})
	answers(t, client)
	return time.Since(since)
}

// answers waits for an answer through the shim.
func answers(t *testing.T, client *testbed.Client) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		_, err := client.Version(ctx, &runtimeapi.VersionRequest{})
		return err
	})
}

// takeMemory has the daemon forward more at a time than it may hold in memory, until it is
// gone, and returns when that was.
func takeMemory(t *testing.T, m *testbed.Machine) time.Time {
	t.Helper()
	request := &runtimeapi.ImageStatusRequest{Image: &runtimeapi.ImageSpec{Image: strings.Repeat("x", 15<<20)}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var callers sync.WaitGroup
	gone := make(chan time.Time, 16)
	for range cap(gone) {
		client := dialMachine(t, m)
		callers.Go(func() {
			for ctx.Err() == nil {
				if _, err := client.ImageStatus(ctx, request); status.Code(err) == codes.Unavailable {
					gone <- time.Now()
					return
				}
			}
		})
	}
	callers.Wait()
	select {
	case at := <-gone:
		return at
	default:
		t.Fatal("the daemon holds everything")
		return time.Time{}
	}
}

func mainPID(t *testing.T, m *testbed.Machine) int {
	t.Helper()
	pid, err := m.MainPID(t.Context(), testbed.ShimUnit)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// running is the status of a container that must be running.
func running(t *testing.T, c *testbed.Container) *runtimeapi.ContainerStatus {
	t.Helper()
	now, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if now.State != runtimeapi.ContainerState_CONTAINER_RUNNING {
		t.Fatalf("the container is %v", now.State)
	}
	return now
}

func moreThan(n int, names []string) error {
	if len(names) <= n {
		return fmt.Errorf("%d rotated files, want more than %d", len(names), n)
	}
	return nil
}

// The socket outlives the service. A stopped service is started by the next call, which
// waits for it; with the socket stopped too, nobody answers until it is started again.
func TestSocketActivation(t *testing.T) {
	m := newMachine(t, testbed.MachineOptions{Enabled: atBoot()})
	client := dialMachine(t, m)
	answers(t, client)
	stop := func(units ...string) {
		t.Helper()
		if _, err := m.Run(t.Context(), append([]string{"systemctl", "stop"}, units...)...); err != nil {
			t.Fatal(err)
		}
	}
	state := func(unit, want string) {
		t.Helper()
		if got, err := m.Property(t.Context(), unit, "ActiveState"); err != nil || got != want {
			t.Errorf("%s is %s, %v, want %s", unit, got, err, want)
		}
	}
	stop(testbed.ShimUnit)
	state(testbed.ShimUnit, "inactive")
	state(testbed.ShimSocket, "active")
	other := dialMachine(t, m)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := other.Version(ctx, &runtimeapi.VersionRequest{}); err != nil {
		t.Errorf("a call while the service is stopped: %v", err)
	}
	eventually(t, func(ctx context.Context) error {
		got, err := m.Property(ctx, testbed.ShimUnit, "ActiveState")
		if err == nil && got != "active" {
			err = fmt.Errorf("%s", got)
		}
		return err
	})
	answers(t, client)

	stop(testbed.ShimSocket, testbed.ShimUnit)
	state(testbed.ShimUnit, "inactive")
	state(testbed.ShimSocket, "inactive")
	if _, err := other.Version(ctx, &runtimeapi.VersionRequest{}); err == nil {
		t.Error("a call is answered while service and socket are stopped")
	}
	start(t, m, testbed.ShimSocket)
	answers(t, client)
	start(t, m, testbed.ShimUnit)
	answers(t, other)
}
