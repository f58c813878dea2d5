package readers_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/readers"
)

// A reader is found, and how far it has read, whatever becomes of the file's name.
func TestReaderIsFoundUnderEveryName(t *testing.T) {
	for name, change := range map[string]func(file string) error{
		"as opened": func(string) error { return nil },
		"renamed":   func(file string) error { return os.Rename(file, file+".20260101-000000.000000000") },
		"removed":   os.Remove,
		"moved to another directory": func(file string) error {
			dir := filepath.Join(filepath.Dir(file), "other")
			return errors.Join(os.Mkdir(dir, 0o700), os.Rename(file, filepath.Join(dir, "0.log")))
		},
		"replaced by another file": func(file string) error {
			return errors.Join(os.Rename(file, file+".old"), os.WriteFile(file, nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			file, id := newFile(t, 10_000)
			c := start(t, "r", file)
			c.do("read 5000")
			if err := change(file); err != nil {
				t.Fatal(err)
			}
			want := readers.Reader{PID: c.pid(), Name: c.name(), Pos: 5000, Removed: name == "removed"}
			check(t, id, want)
			c.do("read 5000")
			want.Pos = 10_000
			check(t, id, want)
			c.do("close")
			check(t, id)
		})
	}
}

// Whoever can write to a file is its runtime, not its reader; a descriptor that
// only names it reads nothing; and what we have open ourselves does not count.
func TestWhoDoesNotRead(t *testing.T) {
	for _, mode := range []string{"w", "rw", "path"} {
		t.Run(mode, func(t *testing.T) {
			file, id := newFile(t, 100)
			start(t, mode, file)
			check(t, id)
		})
	}
	t.Run("ourselves", func(t *testing.T) {
		file, id := newFile(t, 100)
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		check(t, id)
	})
}

// Several processes on several files are told apart, in one look.
func TestManyReadersOfManyFiles(t *testing.T) {
	var files []string
	want := map[logfile.ID]struct{}{}
	expected := map[logfile.ID][]readers.Reader{}
	for range 3 {
		file, id := newFile(t, 1000)
		files = append(files, file)
		want[id] = struct{}{}
		for n := range 3 {
			c := start(t, "r", file)
			c.do(fmt.Sprint("read ", 100*n))
			expected[id] = append(expected[id], readers.Reader{PID: c.pid(), Name: c.name(), Pos: int64(100 * n)})
		}
	}
	_, other := newFile(t, 10)
	want[other] = struct{}{}
	start(t, "r", filepath.Join(filepath.Dir(files[0]), "..")) // a directory
	found := look(t, want)
	if diff := cmp.Diff(expected, found.Readers, byPID); diff != "" {
		t.Errorf("readers (-want +found):\n%s", diff)
	}
}

// Of several descriptors in one process the one that has come furthest counts: rsyslog
// opens each file again to read how it begins, and leaves it open.
func TestProcessIsWhereItsFurthestDescriptorIs(t *testing.T) {
	file, id := newFile(t, 1000)
	c := start(t, "r", file)
	c.do("read 700")
	c.do("open r " + file)
	c.do("read 300")
	check(t, id, readers.Reader{PID: c.pid(), Name: c.name(), Pos: 700})
}

// A reader in mount and pid namespaces of its own, as in a container, sees other
// paths and has other numbers; for us it is a process like any other.
func TestReaderInAContainer(t *testing.T) {
	needsRoot(t)
	file, id := newFile(t, 1000)
	c := start(t, "r", file, func(attr *syscall.SysProcAttr) {
		attr.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID
	})
	c.do("hide " + filepath.Dir(file)) // by a mount
	c.do("read 400")
	check(t, id, readers.Reader{PID: c.pid(), Name: c.name(), Pos: 400})
}

// Processes that end during the look do not disturb it.
func TestProcessesThatVanish(t *testing.T) {
	file, id := newFile(t, 1000)
	c := start(t, "r", file)
	c.do("read 10")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if err := run(ctx, "true"); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
		}
	}()
	for range 200 {
		check(t, id, readers.Reader{PID: c.pid(), Name: c.name(), Pos: 10})
	}
	cancel()
	<-ended
}

// Who may not look into others says so instead of finding nobody.
func TestOthersProcessesAreDenied(t *testing.T) {
	needsRoot(t)
	file, id := newFile(t, 1000)
	c := start(t, "r", file)
	c.do("read 10")
	const nobody = 65534
	other := startLooker(t, id, func(attr *syscall.SysProcAttr) {
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	})
	var found, denied, deniedRoot int
	if answer := other.do("look"); !scan(answer, &found, &denied) || found != 0 || denied == 0 {
		t.Errorf("as another user: %q", answer)
	}
	// Root without all capabilities may still be denied a few.
	if answer := startLooker(t, id).do("look"); !scan(answer, &found, &deniedRoot) || found != 1 || deniedRoot >= denied {
		t.Errorf("as root: %q", answer)
	}
}

func scan(answer string, found, denied *int) bool {
	n, err := fmt.Sscanf(answer, "readers %d denied %d", found, denied)
	return n == 2 && err == nil
}

// A pid namespace of our own hides others without a trace, so it is told.
func TestConfined(t *testing.T) {
	needsRoot(t)
	_, id := newFile(t, 10)
	own := startLooker(t, id, func(attr *syscall.SysProcAttr) {
		attr.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID
	})
	own.do("mount proc")
	if answer := own.do("confined"); answer != "confined true" {
		t.Errorf("in a pid namespace of its own: %q", answer)
	}
	const nobody = 65534
	hidden := startLooker(t, id, func(attr *syscall.SysProcAttr) {
		attr.Cloneflags = syscall.CLONE_NEWNS
	})
	hidden.do("mount hidepid")
	hidden.do(fmt.Sprint("become ", nobody))
	if answer := hidden.do("confined"); answer != "confined true" {
		t.Errorf("with hidepid: %q", answer)
	}
}

// A look that is no longer wanted ends.
func TestLookEndsWithItsContext(t *testing.T) {
	_, id := newFile(t, 10)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("no longer wanted")
	cancel(why)
	if _, err := readers.New("/proc", ".log").Look(ctx, map[logfile.ID]struct{}{id: {}}); !errors.Is(err, why) {
		t.Errorf("error %v", err)
	}
}

// Without a /proc nothing is found, and that is an error and not an answer.
func TestNoProc(t *testing.T) {
	_, id := newFile(t, 10)
	f := readers.New(t.TempDir(), ".log")
	if found, err := f.Look(t.Context(), map[logfile.ID]struct{}{id: {}}); err == nil {
		t.Errorf("no error but %+v", found)
	}
	if _, err := f.Confined(); err == nil {
		t.Error("no error")
	}
}

// check looks for the readers of a file.
func check(t *testing.T, id logfile.ID, want ...readers.Reader) {
	t.Helper()
	found := look(t, map[logfile.ID]struct{}{id: {}})
	if diff := cmp.Diff(want, found.Readers[id], byPID, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("readers (-want +found):\n%s", diff)
	}
	if _, ok := found.Readers[id]; ok != (len(want) > 0) || len(found.Readers) > 1 {
		t.Errorf("found %+v", found)
	}
}

func look(t *testing.T, want map[logfile.ID]struct{}) readers.Found {
	t.Helper()
	found, err := readers.New("/proc", ".log").Look(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	if found.Processes < 1 {
		t.Errorf("%d processes were looked at", found.Processes)
	}
	return found
}

var byPID = cmpopts.SortSlices(func(a, b readers.Reader) bool { return a.PID < b.PID })
