package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// onEveryFileSystem runs a test with RENAME_NOREPLACE and as on a file system without it.
func onEveryFileSystem(t *testing.T, test func(t *testing.T, run func(func()))) {
	t.Helper()
	t.Run("with RENAME_NOREPLACE", func(t *testing.T) { test(t, func(f func()) { f() }) })
	t.Run("without", func(t *testing.T) {
		test(t, func(f func()) { withTraps(t, []*trap{failing(unix.SYS_RENAMEAT2, unix.EINVAL)}, f) })
	})
}

func TestRename(t *testing.T) {
	onEveryFileSystem(t, func(t *testing.T, run func(func())) {
		t.Helper()
		p := newPlace(t)
		p.write("0.log", lines(0, 10))
		p.write("1.log", lines(10, 20))
		id := p.stat("0.log").ID
		run(func() {
			if err := p.Rename("0.log", "1.log", id); !errors.Is(err, fs.ErrExist) {
				t.Errorf("onto another file: %v", err)
			}
			if err := p.Rename("0.log", "0.log", id); !errors.Is(err, fs.ErrExist) {
				t.Errorf("onto itself: %v", err)
			}
			if err := p.Rename("2.log", "3.log", id); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("absent: %v", err)
			}
			if err := p.Rename("1.log", "3.log", id); !errors.Is(err, ErrChanged) {
				t.Errorf("another file: %v", err)
			}
			for _, bad := range badNames() {
				if err := p.Rename("0.log", bad, id); !errors.Is(err, ErrName) {
					t.Errorf("Rename to %q: %v; want ErrName", bad, err)
				}
				if err := p.Rename(bad, "3.log", id); !errors.Is(err, ErrName) {
					t.Errorf("Rename from %q: %v; want ErrName", bad, err)
				}
			}
		})
		p.wantNames("0.log", "1.log")
		run(func() {
			if err := p.Rename("0.log", rotatedAt(1), id); err != nil {
				t.Error(err)
			}
		})
		p.wantNames("1.log", rotatedAt(1))
		if info := p.stat(rotatedAt(1)); info.ID != id || info.Links != 1 {
			t.Errorf("%+v", info)
		}
	})
}

// TestRenameOverwritesNothing has many rotate their own file to one name.
func TestRenameOverwritesNothing(t *testing.T) {
	onEveryFileSystem(t, func(t *testing.T, run func(func())) {
		t.Helper()
		const racers = 16
		for round := range 20 {
			p := newPlace(t)
			var wait sync.WaitGroup
			start := make(chan struct{})
			errs := make([]error, racers)
			for i := range racers {
				name := fmt.Sprintf("%d.log", i)
				p.write(name, []byte(name))
				id := p.stat(name).ID
				wait.Go(func() {
					<-start
					run(func() { errs[i] = p.Rename(name, "target", id) })
				})
			}
			close(start)
			wait.Wait()
			winners := 0
			for i, err := range errs {
				name := fmt.Sprintf("%d.log", i)
				if err == nil {
					winners++
					name = "target"
				} else if !errors.Is(err, fs.ErrExist) {
					t.Errorf("%s: %v", name, err)
				}
				if got, want := string(p.content(name)), fmt.Sprintf("%d.log", i); got != want {
					t.Fatalf("round %d: %q holds %q, want %q", round, name, got, want)
				}
			}
			if winners != 1 {
				t.Fatalf("round %d: %d winners", round, winners)
			}
		}
	})
}

// TestRenamePutsBackWhatItDidNotMean swaps the file in the instant before the rename, as
// a runtime does that renames a new log over the old one.
func TestRenamePutsBackWhatItDidNotMean(t *testing.T) {
	p := newPlace(t)
	p.write("0.log", []byte("old"))
	p.write("new", []byte("new"))
	id := p.stat("0.log").ID
	var err error
	withTraps(t, []*trap{before(unix.SYS_RENAMEAT2, func() {
		if err := os.Rename(p.file("new"), p.file("0.log")); err != nil {
			t.Error(err)
		}
	})}, func() { err = p.Rename("0.log", rotatedAt(1), id) })
	if !errors.Is(err, ErrChanged) {
		t.Errorf("%v; want ErrChanged", err)
	}
	p.wantNames("0.log")
	if got := string(p.content("0.log")); got != "new" {
		t.Errorf("0.log holds %q", got)
	}
}

// TestLinkAndUnlinkLeavesTheNewLogAlone swaps the file between link and unlink.
func TestLinkAndUnlinkLeavesTheNewLogAlone(t *testing.T) {
	p := newPlace(t)
	p.write("0.log", []byte("old"))
	id := p.stat("0.log").ID
	var err error
	linked := false
	withTraps(t, []*trap{
		failing(unix.SYS_RENAMEAT2, unix.EINVAL),
		before(unix.SYS_LINKAT, func() { linked = true }),
		{call: unix.SYS_NEWFSTATAT, when: func([6]uint64) bool { return linked }, do: func(n int) unix.Errno {
			if n == 1 {
				p.write("new", []byte("new"))
				if err := os.Rename(p.file("new"), p.file("0.log")); err != nil {
					t.Error(err)
				}
			}
			return 0
		}},
	}, func() { err = p.Rename("0.log", rotatedAt(1), id) })
	if !errors.Is(err, ErrChanged) {
		t.Errorf("%v; want ErrChanged", err)
	}
	if got := string(p.content("0.log")); got != "new" {
		t.Errorf("0.log holds %q", got)
	}
	// The old log was overwritten by somebody else: its only name must not go too.
	if got := string(p.content(rotatedAt(1))); got != "old" {
		t.Errorf("the old log holds %q", got)
	}
}
