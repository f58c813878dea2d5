package logfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestStat(t *testing.T) {
	p := newPlace(t)
	content := lines(0, 100)
	p.write("0.log", content)
	at := time.Date(2026, 11, 21, 1, 20, 2, 123456789, time.UTC)
	if err := errors.Join(os.Chtimes(p.file("0.log"), at, at), os.Chmod(p.file("0.log"), 0o604)); err != nil {
		t.Fatal(err)
	}
	info := p.stat("0.log")
	if info.Size != int64(len(content)) || info.Disk < info.Size || info.Disk%512 != 0 || !info.ModTime.Equal(at) || info.Mode != 0o604 || info.Links != 1 || info.UID != uint32(os.Geteuid()) || info.GID != uint32(os.Getegid()) || info.Ino == 0 {
		t.Errorf("%+v", info)
	}
	p.append("0.log", content)
	if again := p.stat("0.log"); again.ID != info.ID || again.Size != 2*info.Size {
		t.Errorf("grown: %+v", again)
	}
	if _, err := p.Stat("1.log"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	for _, bad := range badNames() {
		if _, err := p.Stat(bad); !errors.Is(err, ErrName) {
			t.Errorf("Stat(%q): %v; want ErrName", bad, err)
		}
	}
}

// plant makes everything that a name of a log must not be. It returns the names, and the
// files outside that must come to no harm.
func plant(p *place) (names, victims []string) {
	p.t.Helper()
	base := filepath.Dir(filepath.Dir(p.root.Path()))
	base, err := os.MkdirTemp(base, "victims")
	if err != nil {
		p.t.Fatal(err)
	}
	victim := filepath.Join(base, "victim")
	hard := filepath.Join(base, "hard")
	for _, name := range []string{victim, hard} {
		if err := os.WriteFile(name, []byte("precious"), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	name := func(n string) string {
		n = rotatedAt(len(names)) + n
		names = append(names, n)
		return p.file(n)
	}
	p.write("target", []byte("beside"))
	err = errors.Join(
		os.Symlink(victim, name("")),
		os.Symlink("target", name("")),
		os.Symlink("absent", name("")),
		os.Symlink(victim, name(".gz")),
		os.Link(hard, name("")),
		os.Mkdir(name(""), 0o755),
		unix.Mkfifo(name(""), 0o600),
		unix.Mknod(name(""), unix.S_IFSOCK|0o600, 0),
	)
	if os.Geteuid() == 0 {
		foreign := name("")
		err = errors.Join(err,
			unix.Mknod(name(""), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))),
			unix.Mknod(name(""), unix.S_IFBLK|0o600, int(unix.Mkdev(7, 250))),
			os.WriteFile(foreign, []byte("foreign"), 0o600),
			os.Chown(foreign, 12345, 0),
		)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return names, []string{victim, hard}
}

// TestPlantedFilesAreRefusedByEveryOperation wants no operation to follow, open, change,
// rename or remove what somebody has planted under a log's name.
func TestPlantedFilesAreRefusedByEveryOperation(t *testing.T) {
	needsRoot(t) // makes devices and gives a file away
	p := newPlace(t)
	names, victims := plant(p)
	p.write("0.log", lines(0, 1))
	for _, name := range names {
		var st unix.Stat_t
		if err := unix.Lstat(p.file(name), &st); err != nil {
			t.Fatal(err)
		}
		id := idOf(&st)
		f := File{Name: name, Stamp: stampAt(1), Info: infoOf(&st)}
		for operation, call := range map[string]func() error{
			"Stat":      func() error { _, err := p.Stat(name); return err },
			"Open":      func() error { _, err := p.Open(name); return err },
			"openID":    func() error { _, err := p.openID(name, id); return err },
			"Held":      func() error { _, err := p.Held(name); return err },
			"Rename":    func() error { return p.Rename(name, "1.log", id) },
			"Remove":    func() error { return p.Remove(name, id) },
			"Compress":  func() error { _, err := p.Compress(t.Context(), f, Gzip); return err },
			"SetAccess": func() error { return p.SetAccess(name, id, Access{Group: 1234, Mode: 0o666}) },
		} {
			if err := call(); !errors.Is(err, ErrUnsafe) {
				t.Errorf("%s of %v %q: %v; want ErrUnsafe", operation, st.Mode&unix.S_IFMT, name, err)
			}
		}
	}
	log := p.scan("0.log")
	if len(log.Unsafe) != len(names) || len(log.Rotated) != 0 || log.Current == nil {
		t.Errorf("Scan: %+v", log)
	}
	if done := p.heal(); len(done) != 0 {
		t.Errorf("Heal: %v", done)
	}
	if _, err := p.Reader("0.log"); !errors.Is(err, ErrUnsafe) {
		t.Errorf("Reader: %v; want ErrUnsafe", err)
	}
	for _, victim := range victims {
		if content, err := os.ReadFile(victim); err != nil || string(content) != "precious" {
			t.Errorf("%q is now %q, %v", victim, content, err)
		}
		if info, err := os.Stat(victim); err != nil || info.Mode() != 0o600 {
			t.Errorf("%q now has mode %v, %v", victim, info.Mode(), err)
		}
	}
	p.wantNames(append(names, "0.log", "target")...)
}

// TestASwapBetweenLookAndOpenIsNoticed plants something in the instant between.
func TestASwapBetweenLookAndOpenIsNoticed(t *testing.T) {
	for what, swap := range map[string]func(p *place) error{
		"link":         func(p *place) error { return os.Symlink("/etc/passwd", p.file("0.log")) },
		"fifo":         func(p *place) error { return unix.Mkfifo(p.file("0.log"), 0o600) },
		"directory":    func(p *place) error { return os.Mkdir(p.file("0.log"), 0o700) },
		"hard link":    func(p *place) error { p.write("x", nil); return os.Link(p.file("x"), p.file("0.log")) },
		"another file": func(p *place) error { p.write("0.log", nil); return nil },
	} {
		p := newPlace(t)
		p.write("0.log", lines(0, 1))
		var opened *os.File
		var err error
		withTraps(t, []*trap{before(unix.SYS_OPENAT, func() {
			if err := errors.Join(os.Rename(p.file("0.log"), p.file("kept")), swap(p)); err != nil {
				t.Error(err)
			}
		})}, func() { opened, err = p.Open("0.log") })
		if !errors.Is(err, ErrUnsafe) && !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v, %v", what, opened, err)
		}
	}
}

func TestRemove(t *testing.T) {
	p := newPlace(t)
	p.write("0.log", lines(0, 1))
	p.write("1.log", lines(0, 1))
	if err := p.Remove("0.log", p.stat("1.log").ID); !errors.Is(err, ErrChanged) {
		t.Errorf("another file: %v", err)
	}
	if err := p.Remove("2.log", p.stat("1.log").ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	for _, bad := range badNames() {
		if err := p.Remove(bad, p.stat("1.log").ID); !errors.Is(err, ErrName) {
			t.Errorf("Remove(%q): %v; want ErrName", bad, err)
		}
	}
	p.wantNames("0.log", "1.log")
	if err := errors.Join(p.Remove("0.log", p.stat("0.log").ID), p.Sync()); err != nil {
		t.Error(err)
	}
	p.wantNames("1.log")
}

func TestRemoveTemporary(t *testing.T) {
	p := newPlace(t)
	tmp := rotatedAt(1) + ".gz.tmp"
	others := []string{"0.log", "0.log.tmp", rotatedAt(1), rotatedAt(1) + ".gz", "x.tmp", "0.log.gz.tmp"}
	for _, name := range append(others, tmp) {
		p.write(name, nil)
	}
	for _, name := range append(others, badNames()...) {
		if err := p.RemoveTemporary(name); !errors.Is(err, ErrName) {
			t.Errorf("RemoveTemporary(%q): %v; want ErrName", name, err)
		}
	}
	writer, err := os.OpenFile(p.file(tmp), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.RemoveTemporary(tmp); !errors.Is(err, ErrHeld) {
		t.Errorf("while it is written: %v", err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.RemoveTemporary(tmp); err != nil {
		t.Error(err)
	}
	if err := p.RemoveTemporary(tmp); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	if err := os.Symlink("/etc/passwd", p.file(tmp)); err != nil {
		t.Fatal(err)
	}
	if err := p.RemoveTemporary(tmp); err != nil {
		t.Errorf("a planted link: %v", err)
	}
	p.wantNames(others...)
}

func TestHeld(t *testing.T) {
	p := newPlace(t)
	p.write("0.log", lines(0, 10))
	held := func(want bool) {
		t.Helper()
		if got, err := p.Held("0.log"); got != want || err != nil {
			t.Errorf("Held = %v, %v; want %v", got, err, want)
		}
	}
	held(false)
	reader, err := os.Open(p.file("0.log"))
	if err != nil {
		t.Fatal(err)
	}
	held(false)
	for _, flags := range []int{os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND} {
		writer, err := os.OpenFile(p.file("0.log"), flags, 0)
		if err != nil {
			t.Fatal(err)
		}
		held(true)
		if err := writer.Close(); err != nil {
			t.Fatal(err)
		}
		held(false)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Held("1.log"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	for errno, want := range map[unix.Errno]error{unix.EINVAL: errors.ErrUnsupported, unix.EACCES: unix.EACCES} {
		var err error
		withoutLeases(t, noLeases(errno), func() { _, err = p.Held("0.log") })
		if !errors.Is(err, want) {
			t.Errorf("lease refused with %v: %v", errno, err)
		}
	}
}

func TestProcPathStaysInItsDirectory(t *testing.T) {
	p := newPlace(t)
	p.write("0.log", []byte("ours"))
	if err := errors.Join(os.Rename(p.path, p.path+"-moved"), os.Mkdir(p.path, 0o755)); err != nil {
		t.Fatal(err)
	}
	p.write("0.log", []byte("planted"))
	if content, err := os.ReadFile(p.ProcPath("0.log")); err != nil || string(content) != "ours" {
		t.Errorf("%q, %v", content, err)
	}
	if entries, err := os.ReadDir(p.ProcPath("")); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

func BenchmarkStat(b *testing.B) {
	root, err := OpenRoot(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root.Path(), "app"), 0o755); err != nil {
		b.Fatal(err)
	}
	dir, err := root.Dir("app")
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir.Path(), "0.log"), nil, 0o640); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dir.Stat("0.log"); err != nil {
			b.Fatal(err)
		}
	}
	if err := errors.Join(dir.Close(), root.Close()); err != nil {
		b.Fatal(err)
	}
}
