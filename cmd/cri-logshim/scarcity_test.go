package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNoWatchLeft: where the kernel has no inotify watch for it, the log is polled and
// rotated, and the operator is told; it takes a watch as soon as there is one.
func TestNoWatchLeft(t *testing.T) {
	t.Parallel()
	// A user namespace has a limit of its own, beside the machine's: the only way to run
	// out without taking the watches of everybody else on the machine.
	attr := &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	probe := exec.Command("true")
	probe.SysProcAttr = attr
	if err := probe.Run(); err != nil {
		t.Fatalf("make a user namespace, which the kernel has to allow for this test (user.max_user_namespaces): %v", err)
	}
	p, f := newPlace(t), newFakeRuntime()
	f.runContainer(t, p.config.PodLogsDir, 0)
	f.serve(t, p.config.RuntimeEndpoint)
	d := p.serve(t, extras{attr: attr, before: allowWatches(0)})
	eventually(t, "the log to be polled", func() bool { return metric(t, p, "cri_logshim_logs_polled") == "1" })
	d.waitSaid(t, "level=warning", "out of inotify watches", "raise fs.inotify.max_user_watches")
	truncate(t, f.logPath, int64(p.config.Rotation.MaxSize)+1)
	receive(t, "a reopen of the polled log", f.reopens)

	raise := exec.Command("nsenter", "--user", "--preserve-credentials", "--target", fmt.Sprint(d.cmd.Process.Pid), "sh", "-c", allowWatches(100))
	if out, err := raise.CombinedOutput(); err != nil {
		t.Fatalf("raise the limit: %v: %s", err, out)
	}
	eventually(t, "the log to be watched", func() bool { return metric(t, p, "cri_logshim_logs_polled") == "0" })
	truncate(t, f.logPath, int64(p.config.Rotation.MaxSize)+1)
	receive(t, "a reopen of the watched log", f.reopens)
	d.end(t)
}

func allowWatches(n int) string {
	return fmt.Sprintf("echo %d >/proc/sys/user/max_inotify_watches", n)
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

// TestNoDescriptorLeft: a log that is open already is rotated also while the process may
// open nothing more, and what was put off is done when it may again.
func TestNoDescriptorLeft(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t), newFakeRuntime()
	f.runContainer(t, p.config.PodLogsDir, 0)
	f.serve(t, p.config.RuntimeEndpoint)
	d := p.serve(t, extras{})
	truncate(t, f.logPath, int64(p.config.Rotation.MaxSize)+1)
	receive(t, "a reopen, so that the log is known to be open", f.reopens)
	limit := func(to *unix.Rlimit) (before unix.Rlimit) {
		t.Helper()
		if err := unix.Prlimit(d.cmd.Process.Pid, unix.RLIMIT_NOFILE, to, &before); err != nil {
			t.Fatal(err)
		}
		return before
	}
	before := limit(nil)
	limit(&unix.Rlimit{Max: before.Max})
	for range p.config.Rotation.MaxFiles + 1 {
		truncate(t, f.logPath, int64(p.config.Rotation.MaxSize)+1)
		receive(t, "a reopen without descriptors", f.reopens)
	}
	d.waitSaid(t, "level=warning", "out of file descriptors")
	if got := f.logs(t); len(got) <= p.config.Rotation.MaxFiles {
		t.Errorf("%d files: nothing was put off", len(got))
	}
	if got := d.said("out of file descriptors"); len(got) != 1 {
		t.Errorf("it says %d times that there are none: %q", len(got), got)
	}
	limit(&before)
	truncate(t, f.logPath, int64(p.config.Rotation.MaxSize)+1)
	eventually(t, "the oldest files to be removed", func() bool {
		return len(f.logs(t)) <= p.config.Rotation.MaxFiles
	})
	d.end(t)
}

// logs is what lies in the directory of the container's log.
func (f *fakeRuntime) logs(t *testing.T) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(f.logPath))
	if err != nil {
		t.Fatal(err)
	}
	return entries
}
