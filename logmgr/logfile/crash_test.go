package logfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// crashVariable makes the test binary a child that does one thing to a log and is killed
// before its n-th system call that changes something: "<what> <n> <pod logs directory>".
const crashVariable = "LOGFILE_CRASH"

// crashCalls are the system calls by which a directory or a file changes: what lies on
// disk is the same wherever between two of them a process is killed.
func crashCalls() []uintptr {
	return []uintptr{
		unix.SYS_OPENAT, unix.SYS_FCHOWN, unix.SYS_FCHMOD, unix.SYS_WRITE, unix.SYS_UTIMENSAT,
		unix.SYS_FSYNC, unix.SYS_RENAMEAT2, unix.SYS_LINKAT, unix.SYS_UNLINKAT,
	}
}

// crashChild returns the exit code: 0 if there were fewer calls than n.
func crashChild(task string) int {
	var what, path string
	var n int
	if _, err := fmt.Sscan(task, &what, &n, &path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	calls := 0
	var traps []*trap
	for _, call := range crashCalls() {
		tr := &trap{call: call, do: func(int) unix.Errno {
			if calls++; calls == n {
				_ = unix.Kill(os.Getpid(), unix.SIGKILL)
				select {} // the call is never answered
			}
			if call == unix.SYS_RENAMEAT2 && strings.HasPrefix(what, "link-") {
				return unix.EINVAL
			}
			return 0
		}}
		if call == unix.SYS_OPENAT {
			tr.when = creates
		}
		traps = append(traps, tr)
	}
	root, err := OpenRoot(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if _, err := root.OpenTwin(filepath.Join(filepath.Dir(path), "kept")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := root.Dir(containerDir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var failed error
	err = runTrapped(traps, 0, func() { failed = crashWork(dir, strings.TrimPrefix(what, "link-")) })
	if err := errors.Join(err, failed); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func crashWork(dir *Dir, what string) error {
	ctx := context.Background()
	switch what {
	case "heal":
		_, err := dir.Heal(ctx, "0.log")
		return err
	case "rotate":
		info, err := dir.Stat("0.log")
		if err != nil {
			return err
		}
		return errors.Join(dir.Rename("0.log", rotatedAt(9), info.ID), dir.Sync())
	}
	log, err := dir.Scan("0.log")
	if err != nil {
		return err
	}
	for _, f := range log.Rotated {
		if f.Compression != Plain {
			continue
		}
		if _, err := dir.Compress(ctx, f, Compression(what)); err != nil {
			return err
		}
	}
	return nil
}

// TestKilledBeforeEachSystemCall kills a process before its first, second, … system call
// that changes something, in each piece of work. Whatever it leaves: after healing every line is there once and in
// order, and the same work can be done again.
func TestKilledBeforeEachSystemCall(t *testing.T) {
	for _, what := range []string{"gzip", "zstd", "rotate", "link-rotate", "link-gzip", "heal", "link-heal"} {
		t.Run(what, func(t *testing.T) {
			for n := 1; ; n++ {
				p := newPlace(t)
				p.write(rotatedAt(1), lines(0, 1000))
				p.write(rotatedAt(2), lines(1000, 1020))
				p.write("0.log", lines(1020, 1040))
				if strings.HasSuffix(what, "heal") {
					p.write(rotatedAt(1)+".gz", compressed(t, lines(0, 1000), Gzip))
					p.write(rotatedAt(2)+".gz", compressed(t, lines(1000, 1010), Gzip))
					p.write(rotatedAt(2)+".gz.tmp", nil)
				}
				killed := p.crash(what, n)
				p.heal()
				if got := p.readAll(); !bytes.Equal(got, lines(0, 1040)) {
					t.Fatalf("killed before call %d: %d bytes, want %d", n, len(got), len(lines(0, 1040)))
				}
				log := p.scan("0.log")
				if log.Temporary != nil || log.Unsafe != nil || log.Foreign != nil {
					t.Fatalf("killed before call %d: %+v", n, log)
				}
				for _, f := range log.Rotated {
					if f.Compression == Plain {
						if _, err := p.Compress(t.Context(), f, Gzip); err != nil {
							t.Fatalf("killed before call %d: compress again: %v", n, err)
						}
					}
				}
				if got := p.readAll(); !bytes.Equal(got, lines(0, 1040)) {
					t.Fatalf("killed before call %d, compressed again: %d bytes", n, len(got))
				}
				if !killed {
					if n < 3 {
						t.Fatalf("only %d calls seen", n)
					}
					return
				}
			}
		})
	}
}

// crash runs the child and tells whether it was killed.
func (p *place) crash(what string, n int) bool {
	p.t.Helper()
	child := exec.CommandContext(p.t.Context(), os.Args[0])
	child.Env = append(os.Environ(), crashVariable+"="+what+" "+strconv.Itoa(n)+" "+p.root.Path())
	out, err := child.CombinedOutput()
	if err == nil {
		return false
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == unix.SIGKILL {
			return true
		}
	}
	p.t.Fatalf("%s, call %d: %v\n%s", what, n, err, out)
	return false
}
