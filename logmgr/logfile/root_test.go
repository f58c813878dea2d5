package logfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOpenRootFollowsTheLinkThatIsPodLogsDir(t *testing.T) {
	p := newPlace(t)
	link := filepath.Join(t.TempDir(), "pods")
	if err := os.Symlink(p.root.Path(), link); err != nil {
		t.Fatal(err)
	}
	root, err := OpenRoot(link)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := root.Dir(containerDir)
	if err != nil {
		t.Fatal(err)
	}
	p.write("0.log", lines(0, 1))
	if info, err := dir.Stat("0.log"); err != nil || info.ID != p.stat("0.log").ID {
		t.Errorf("through the link: %+v, %v", info, err)
	}
	if want := filepath.Join(link, containerDir); dir.Path() != want {
		t.Errorf("Path is %q, want %q", dir.Path(), want)
	}
	if err := errors.Join(dir.Close(), root.Close()); err != nil {
		t.Error(err)
	}
}

func TestOpenRootErrors(t *testing.T) {
	base := t.TempDir()
	if _, err := OpenRoot(filepath.Join(base, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent directory: %v", err)
	}
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenRoot(file); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("a file: %v", err)
	}
	var err error
	withTraps(t, []*trap{failing(unix.SYS_OPENAT2, unix.ENOSYS)}, func() { _, err = OpenRoot(base) })
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "openat2") || !strings.Contains(err.Error(), "5.6") {
		t.Errorf("a kernel without openat2: %v", err)
	}
}

func TestDirRefusesPathsThatLeaveTheRoot(t *testing.T) {
	p := newPlace(t)
	for _, rel := range []string{"", ".", "..", "/", "/etc", "../x", "ns_pod_uid/../..", "ns_pod_uid/../ns_pod_uid/app", "ns_pod_uid//app", "ns_pod_uid/app/", "./ns_pod_uid"} {
		if d, err := p.root.Dir(rel); !errors.Is(err, ErrEscapes) {
			t.Errorf("Dir(%q) = %v, %v; want ErrEscapes", rel, d, err)
		}
	}
	for _, rel := range []string{"absent", "ns_pod_uid/absent", "absent/app"} {
		if d, err := p.root.Dir(rel); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Dir(%q) = %v, %v; want fs.ErrNotExist", rel, d, err)
		}
	}
	if d, err := p.root.Dir("ns_pod_uid/a\x00b"); err == nil {
		t.Errorf("Dir with a NUL byte = %v", d)
	}
}

// TestDirRefusesLinksAtEveryPosition plants a link, absolute and relative, in place of
// each directory of the path.
func TestDirRefusesLinksAtEveryPosition(t *testing.T) {
	for _, planted := range []string{"ns_pod_uid", containerDir} {
		for _, target := range []string{"real", "absolute", "/proc/self/root", "..", "."} {
			p := newPlace(t)
			moved := filepath.Join(filepath.Dir(filepath.Join(p.root.Path(), planted)), "real")
			if err := os.Rename(filepath.Join(p.root.Path(), planted), moved); err != nil {
				t.Fatal(err)
			}
			if target == "absolute" {
				target = moved
			}
			if err := os.Symlink(target, filepath.Join(p.root.Path(), planted)); err != nil {
				t.Fatal(err)
			}
			if d, err := p.root.Dir(containerDir); !errors.Is(err, ErrUnsafe) {
				t.Errorf("%q is a link to %q: %v, %v; want ErrUnsafe", planted, target, d, err)
			}
			if lost, err := p.Lost(); !lost || err != nil {
				t.Errorf("%q is a link to %q: Lost %v, %v", planted, target, lost, err)
			}
		}
	}
}

func TestDirRefusesAFileInTheWay(t *testing.T) {
	p := newPlace(t)
	p.write("file", nil)
	if err := unix.Mkfifo(p.file("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, rel := range []string{"file", "file/below", "fifo"} {
		if d, err := p.root.Dir(containerDir + "/" + rel); !errors.Is(err, ErrUnsafe) {
			t.Errorf("Dir(%q) = %v, %v; want ErrUnsafe", rel, d, err)
		}
	}
}

func TestLost(t *testing.T) {
	lost := func(p *place, want bool) {
		t.Helper()
		if got, err := p.Lost(); got != want || err != nil {
			t.Errorf("Lost = %v, %v; want %v", got, err, want)
		}
	}
	p := newPlace(t)
	p.write("0.log", nil)
	lost(p, false)
	if err := os.Rename(p.path, p.path+"-2"); err != nil {
		t.Fatal(err)
	}
	lost(p, true)
	if err := os.Mkdir(p.path, 0o755); err != nil {
		t.Fatal(err)
	}
	lost(p, true)
	if err := errors.Join(os.Remove(p.path), os.Rename(p.path+"-2", p.path)); err != nil {
		t.Fatal(err)
	}
	lost(p, false)
	if err := os.RemoveAll(filepath.Dir(p.path)); err != nil {
		t.Fatal(err)
	}
	lost(p, true)
	if _, err := p.Scan("0.log"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Scan of a removed directory: %v", err)
	}
	if _, err := p.Reader("0.log"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Reader of a removed directory: %v", err)
	}
}

// TestRootIsFoundAgain removes podLogsDir and makes it anew, as an operator would who
// cleans up a node: what is opened afterwards is in the new one.
func TestRootIsFoundAgain(t *testing.T) {
	p := newPlace(t)
	if err := os.RemoveAll(p.root.Path()); err != nil {
		t.Fatal(err)
	}
	if lost, err := p.Lost(); !lost || err != nil {
		t.Errorf("removed: Lost %v, %v", lost, err)
	}
	if _, err := p.root.Dir(containerDir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Dir while there is none: %v", err)
	}
	if err := os.MkdirAll(p.path, 0o755); err != nil {
		t.Fatal(err)
	}
	p.write("0.log", lines(0, 1))
	dir, err := p.root.Dir(containerDir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Stat("0.log"); err != nil {
		t.Error(err)
	}
	if lost, err := p.Lost(); !lost || err != nil {
		t.Errorf("the old directory: Lost %v, %v", lost, err)
	}
	if lost, err := dir.Lost(); lost || err != nil {
		t.Errorf("the new directory: Lost %v, %v", lost, err)
	}
	if err := dir.Close(); err != nil {
		t.Error(err)
	}
}

func TestAfterClose(t *testing.T) {
	p := newPlace(t)
	dir, err := p.root.Dir(containerDir)
	if err != nil {
		t.Fatal(err)
	}
	p.write("0.log", nil)
	id := p.stat("0.log").ID
	if err := dir.Close(); err != nil {
		t.Fatal(err)
	}
	// Something else gets the number.
	other, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	})
	for name, call := range map[string]func() error{
		"Close":  dir.Close,
		"Sync":   dir.Sync,
		"Stat":   func() error { _, err := dir.Stat("0.log"); return err },
		"Scan":   func() error { _, err := dir.Scan("0.log"); return err },
		"Open":   func() error { _, err := dir.Open("0.log"); return err },
		"Lost":   func() error { _, err := dir.Lost(); return err },
		"Rename": func() error { return dir.Rename("0.log", rotatedAt(1), id) },
		"Remove": func() error { return dir.Remove("0.log", id) },
		"Reader": func() error { _, err := dir.Reader("0.log"); return err },
		"Heal":   func() error { _, err := dir.Heal(t.Context(), "0.log"); return err },
	} {
		if err := call(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
	p.wantNames("0.log")
}

// TestCloseDoesNotWaitForAStuckDisk closes a directory in the middle of a call on it: the
// call ends in the directory it began in, and Close returns at once.
func TestCloseDoesNotWaitForAStuckDisk(t *testing.T) {
	p := newPlace(t)
	p.write("0.log", lines(0, 1))
	dir, err := p.root.Dir(containerDir)
	if err != nil {
		t.Fatal(err)
	}
	var closed, synced error
	withTraps(t, []*trap{before(unix.SYS_FSYNC, func() { closed = dir.Close() })}, func() { synced = dir.Sync() })
	if closed != nil || synced != nil {
		t.Errorf("Close: %v, Sync: %v", closed, synced)
	}
	if err := dir.Sync(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Sync after Close: %v", err)
	}
	if _, err := os.Stat(dir.ProcPath("")); err == nil {
		if got, _ := os.Readlink(strings.TrimSuffix(dir.ProcPath(""), "/")); got == p.path {
			t.Error("the descriptor is still open")
		}
	}
}
