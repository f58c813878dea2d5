package integration

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// While nothing on the logs' file system answers, for many times as long as the watchdog
// waits, calls are answered and the service is not restarted; /readyz and the journal say what is
// stuck. Afterwards everything goes on, and no line is missing.
func TestFrozenDisk(t *testing.T) {
	const watchdog = 2 * time.Second
	disk := mountSmall(t)
	m := newMachine(t, testbed.MachineOptions{LogDir: disk, Enabled: map[string]string{testbed.ContainerdUnit: "multi-user.target"}})
	dropIn(t, m, fmt.Sprintf("[Service]\nWatchdogSec=%v\n", watchdog))
	configure(t, m, "rotation: {maxSize: 1Mi, maxFiles: 1000, compressAfter: 1s}\nnode: {minFree: '', minFreeInodes: ''}\n")
	start(t, m, testbed.ShimUnit)
	client := dialMachine(t, m)
	writer := runWriter(t, client, m.PodConfig("default", "writer"), "-stream=both", "-rate=500000", "-stay")
	eventually(t, func(context.Context) error { return moreThan(1, rotatedNames(t, writer.LogPath())) })
	ready := func(ctx context.Context) error {
		_, err := m.Get(ctx, "/readyz")
		return err
	}
	eventually(t, ready)
	pid := mainPID(t, m)

	thaw := freeze(t, disk)
	since := time.Now()
	eventually(t, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second) // a frozen disk holds up for ever
		defer cancel()
		if _, err := client.ListContainers(ctx, &runtimeapi.ListContainersRequest{}); err != nil {
			t.Errorf("a call while the disk is frozen: %v", err)
		}
		if err := ready(ctx); err == nil || !strings.Contains(err.Error(), "503") {
			return fmt.Errorf("/readyz does not say so: %w", err)
		}
		if time.Since(since) < 5*watchdog {
			return errors.New("not frozen for long enough")
		}
		journal, err := m.Journal(ctx, testbed.ShimUnit, "--priority=err")
		if err != nil || !strings.Contains(journal, "stuck for") {
			return fmt.Errorf("the journal does not say what is stuck: %w\n%s", err, journal)
		}
		status, err := m.Property(ctx, testbed.ShimUnit, "StatusText")
		if err == nil && !strings.Contains(status, "stuck for") {
			err = fmt.Errorf("the status line does not say what is stuck: %s", status)
		}
		return err
	})
	t.Logf("told after %v: %v", time.Since(since), ready(t.Context()))
	thaw()
	eventually(t, ready)
	if now := mainPID(t, m); now != pid {
		t.Errorf("the service was restarted: process %d, before %d", now, pid)
	}
	files := len(rotatedNames(t, writer.LogPath()))
	eventually(t, func(context.Context) error { return moreThan(files, rotatedNames(t, writer.LogPath())) })
	if err := writer.Stop(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(context.Context) error { // a file may just be being compressed
		found, err := testbed.Verify(writer.LogPath())
		if err != nil {
			return err
		}
		return found.Complete("stdout", "stderr")
	})
}

// freeze makes whoever changes anything on a file system wait, until thaw is called or the
// test ends.
func freeze(t *testing.T, dir string) (thaw func()) {
	t.Helper()
	order := func(ctx context.Context, flag string) error {
		out, err := exec.CommandContext(ctx, "fsfreeze", flag, dir).CombinedOutput()
		if err != nil {
			return fmt.Errorf("fsfreeze %s: %w: %s", flag, err, out)
		}
		return nil
	}
	if err := order(t.Context(), "--freeze"); err != nil {
		t.Fatal(err)
	}
	frozen := true
	thaw = func() {
		if !frozen {
			return
		}
		frozen = false
		if err := order(context.Background(), "--unfreeze"); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(thaw)
	return thaw
}
