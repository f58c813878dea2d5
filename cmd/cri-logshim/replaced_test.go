package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// replaceable starts a daemon from a file of its own, which can be replaced.
func replaceable(t *testing.T, p *place, x extras) *process {
	t.Helper()
	x.program = filepath.Join(p.dir, "cri-logshim")
	installNew(t, x.program)
	return p.serve(t, x)
}

// installNew puts the program at a path, in one step.
func installNew(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(ownBinary(t))
	if err != nil {
		t.Fatal(err)
	}
	installText(t, path, string(content))
}

// installText is not done while a process is being started: that would have the file open for
// writing for a moment, and the kernel runs no such file.
func installText(t *testing.T, path, content string) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := errors.Join(os.WriteFile(path+".new", []byte(content), 0o600), os.Chmod(path+".new", 0o700), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
}

// successorOf waits until a daemon has handed over for the nth time, and returns the
// process id of its successor, which is killed when the test is over.
func (d *process) successorOf(t *testing.T, n int) int {
	t.Helper()
	eventually(t, "the hand-over", func() bool { return len(d.said("handed over")) >= n })
	said := d.said("handed over")[n-1]
	_, id, _ := strings.Cut(said, "successor=")
	pid, err := strconv.Atoi(id)
	if err != nil {
		t.Fatalf("it says %q, which names no process", said)
	}
	t.Cleanup(func() {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
	})
	return pid
}

// ended tells whether a process has, also where nobody has asked for its exit code yet.
func ended(t *testing.T, pid int) bool {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return true
	}
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), ") ")
	return strings.HasPrefix(after, "Z")
}
