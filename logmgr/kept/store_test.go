package kept

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const rel = "ns_pod_uid/app"

// bed is a container's directory and its mirror. The time passes as the test says.
type bed struct {
	testing.TB
	base  string
	root  *logfile.Root
	dir   *logfile.Dir
	store *Store
	ahead time.Duration // what has passed beside what has really passed
	jump  time.Duration // of the clock
	term  Term
}

func newBed(tb testing.TB, base string) *bed {
	tb.Helper()
	b := &bed{TB: tb, base: base, term: Term{Keep: time.Hour}}
	b.must(os.MkdirAll(b.live(""), 0o755))
	b.open()
	tb.Cleanup(b.close)
	return b
}

// open begins anew, as a new process does.
func (b *bed) open() {
	b.Helper()
	var err error
	b.root, err = logfile.OpenRoot(filepath.Join(b.base, "pods"))
	b.must(err)
	began := time.Now()
	b.store, err = Open(b.root, filepath.Join(b.base, "kept"),
		func() time.Time { return time.Now().Add(b.ahead + b.jump) }, func() time.Duration { return time.Since(began) + b.ahead })
	b.must(err)
	b.dir, err = b.root.MakeDir(rel)
	b.must(err)
}

func (b *bed) close() {
	if err := errors.Join(b.dir.Close(), b.store.Close(), b.root.Close()); err != nil {
		b.Error(err)
	}
}

func (b *bed) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bed) live(name string) string { return filepath.Join(b.base, "pods", rel, name) }
func (b *bed) kept(name string) string { return filepath.Join(b.base, "kept", rel, name) }

func scan(dir *logfile.Dir) ([]logfile.Log, error) { return dir.ScanAttempts() }

// write makes a file of the log and holds it, as whoever tends a log does.
func (b *bed) write(name, content string) {
	b.Helper()
	b.must(os.WriteFile(b.live(name), []byte(content), 0o640))
	b.hold(name)
}

func (b *bed) hold(name string) {
	b.Helper()
	info, err := b.dir.Stat(name)
	b.must(err)
	b.must(b.store.Hold(b.dir, rel, name, info.ID, b.term, scan))
}

// mirror returns the names of what is found only in the mirror.
func (b *bed) mirror() (only []string) {
	b.Helper()
	logs, err := b.store.Mirror(b.dir, rel, b.term, scan)
	b.must(err)
	for _, f := range filesOf(logs) {
		only = append(only, f.Name)
	}
	return only
}

func (b *bed) sweep() Swept {
	b.Helper()
	swept, err := b.store.Sweep()
	b.must(err)
	return swept
}

// contents are what the files in a directory hold, by name, uncompressed.
func (b *bed) contents(dir string) map[string]string {
	b.Helper()
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	b.must(err)
	all := map[string]string{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), termName) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		b.must(err)
		if strings.HasSuffix(e.Name(), ".gz") {
			z, err := gzip.NewReader(bytes.NewReader(content))
			b.must(err)
			content, err = io.ReadAll(z)
			b.must(err)
		}
		all[e.Name()] = string(content)
	}
	return all
}

// wantKept compares the mirror with what it should hold: pairs of name and content.
func (b *bed) wantKept(want map[string]string) {
	b.Helper()
	if got := b.contents(b.kept("")); !maps.Equal(got, want) {
		b.Errorf("kept: %v\nwant: %v", got, want)
	}
}

const (
	first  = "0.log.20300101-000001.000000000"
	second = "0.log.20300101-000002.000000000"
)

// TestRotatedAndRemoved follows a log through its life: every file has the same name in
// both places, and what somebody else removes stays in the mirror.
func TestRotatedAndRemoved(t *testing.T) {
	b := newBed(t, t.TempDir())
	b.write("0.log", "one")
	b.wantKept(map[string]string{"0.log": "one"})
	b.must(os.Rename(b.live("0.log"), b.live(first)))
	b.write("0.log", "two")
	b.wantKept(map[string]string{first: "one", "0.log": "two"})
	b.must(os.Rename(b.live("0.log"), b.live(second)))
	if only := b.mirror(); len(only) != 0 {
		t.Errorf("only in the mirror: %q", only)
	}
	b.wantKept(map[string]string{first: "one", second: "two"})
	b.write("0.log", "three")
	b.must(os.Remove(b.live(first)))
	if only := b.mirror(); !slices.Equal(only, []string{first}) {
		t.Errorf("only in the mirror: %q", only)
	}
	b.must(os.RemoveAll(b.live("")))
	b.wantKept(map[string]string{first: "one", second: "two", "0.log": "three"})
	if swept := b.sweep(); len(swept.Only) != 3 || len(swept.Expired) != 0 {
		t.Errorf("swept: %+v", swept)
	}
}

// TestPutBack: a rotated file that is the current one again, as after a refused reopen, has
// that name in both places, whoever sees it first, and no third one: it would not be safe
// to touch any longer.
func TestPutBack(t *testing.T) {
	b := newBed(t, t.TempDir())
	b.write("0.log", "one")
	b.must(os.Rename(b.live("0.log"), b.live(first)))
	b.mirror()
	b.wantKept(map[string]string{first: "one"})
	b.must(os.Rename(b.live(first), b.live("0.log")))
	b.hold("0.log")
	b.wantKept(map[string]string{"0.log": "one"})
	if info, err := b.dir.Stat("0.log"); err != nil || info.Links != 2 {
		t.Errorf("the log has %d names: %v", info.Links, err)
	}
}

// TestAnAttemptIsReused: the log of a container that was made again under the same path
// takes the place of the removed one's, which stays as a rotated file before it.
func TestAnAttemptIsReused(t *testing.T) {
	b := newBed(t, t.TempDir())
	var want []string
	for i, content := range []string{"first life", "second life", "third life"} {
		b.write("0.log", content)
		if i < 2 {
			b.must(os.Remove(b.live("0.log")))
		}
		want = append(want, content)
		time.Sleep(10 * time.Millisecond) // files' times are coarse
	}
	dir, err := b.store.kept.Dir(rel)
	b.must(err)
	log, err := dir.Scan("0.log")
	b.must(errors.Join(err, dir.Close()))
	contents := b.contents(b.kept(""))
	var got []string
	for _, f := range append(log.Rotated, *log.Current) {
		got = append(got, contents[f.Name])
	}
	if !slices.Equal(got, want) {
		t.Errorf("the log is %q, want %q", got, want)
	}
}

// TestExpiry: a file stays its term from the moment when somebody else removed it,
// however old it was, also when a new process looks, and goes then, with all that was
// made for it.
func TestExpiry(t *testing.T) {
	b := newBed(t, t.TempDir())
	b.write("0.log", "one")
	old := time.Now().Add(-24 * time.Hour)
	b.must(os.Chtimes(b.live("0.log"), old, old))
	b.ahead = 3 * time.Hour
	if swept := b.sweep(); len(swept.Only)+len(swept.Expired) != 0 {
		t.Errorf("while the log is there: %+v", swept)
	}
	b.ahead = 0
	b.must(os.RemoveAll(filepath.Dir(b.live(""))))
	b.close()
	b.open()
	b.ahead = 59 * time.Minute
	swept := b.sweep()
	if len(swept.Only) != 1 || len(swept.Expired) != 0 {
		t.Errorf("before its term: %+v", swept)
	}
	if left := time.Until(swept.Next); left < 59*time.Minute || left > time.Hour {
		t.Errorf("the next look is in %v, want an hour", left)
	}
	b.ahead = time.Hour
	if swept := b.sweep(); len(swept.Only) != 0 || len(swept.Expired) != 1 || swept.Expired[0].Dir != rel {
		t.Errorf("after its term: %+v", swept)
	}
	b.sweep()
	if entries, err := os.ReadDir(filepath.Join(b.base, "kept")); err != nil || len(entries) != 0 {
		t.Errorf("left in keepDir: %v, %v", entries, err)
	}
}

// TestTheTermIsThatOfTheLastPolicy: a term that was changed counts, and one that cannot
// be read is a week.
func TestTheTermIsThatOfTheLastPolicy(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(b *bed)
		want  time.Duration
	}{
		"changed": {func(b *bed) { b.term.Keep = 2 * time.Hour; b.mirror() }, 2 * time.Hour},
		"removed": {func(b *bed) { b.must(os.Remove(b.kept(termName))) }, lostTerm},
		"empty":   {func(b *bed) { b.must(os.Truncate(b.kept(termName), 0)) }, lostTerm},
		"garbage": {func(b *bed) { b.must(os.WriteFile(b.kept(termName), []byte(`{"keepAfterRemoval":"-5m"}`), 0o600)) }, lostTerm},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, t.TempDir())
			b.write("0.log", "one")
			c.spoil(b)
			b.must(os.RemoveAll(b.live("")))
			b.close()
			b.open()
			for _, f := range b.sweep().Only {
				if got := f.Expires.Sub(f.Changed); got != c.want {
					t.Errorf("%s stays for %v, want %v", f.Name, got, c.want)
				}
			}
			b.ahead = c.want - time.Minute
			if swept := b.sweep(); len(swept.Only) != 1 {
				t.Errorf("before the term: %+v", swept)
			}
			b.ahead = c.want
			if swept := b.sweep(); len(swept.Expired) != 1 {
				t.Errorf("after the term: %+v", swept)
			}
		})
	}
}

// TestAHeldFileDoesNotExpire: whoever still writes to it would lose lines.
func TestAHeldFileDoesNotExpire(t *testing.T) {
	b := newBed(t, t.TempDir())
	b.write("0.log", "one")
	writer, err := os.OpenFile(b.live("0.log"), os.O_APPEND|os.O_WRONLY, 0)
	b.must(err)
	b.must(os.RemoveAll(b.live("")))
	_, err = writer.WriteString(" and more")
	b.must(err)
	b.ahead = 2 * time.Hour
	if swept := b.sweep(); len(swept.Only) != 1 || len(swept.Expired) != 0 {
		t.Errorf("while it is written: %+v", swept)
	}
	b.wantKept(map[string]string{"0.log": "one and more"})
	b.must(writer.Close())
	if swept := b.sweep(); len(swept.Expired) != 1 {
		t.Errorf("afterwards: %+v", swept)
	}
}

// TestDrop: what is kept no longer has no second name, but what is removed already stays
// for its term.
func TestDrop(t *testing.T) {
	b := newBed(t, t.TempDir())
	b.write("0.log", "one")
	b.must(os.Rename(b.live("0.log"), b.live(first)))
	b.write("0.log", "two")
	b.must(os.Remove(b.live(first)))
	only, err := b.store.Drop(b.dir, rel, scan)
	b.must(err)
	if len(only) != 1 || len(only[0].Rotated) != 1 || only[0].Rotated[0].Name != first {
		t.Errorf("only in the mirror: %+v", only)
	}
	b.wantKept(map[string]string{first: "one"})
	if info, err := b.dir.Stat("0.log"); err != nil || info.Links != 1 {
		t.Errorf("%+v, %v", info, err)
	}
}

// TestShelve: the last words of a removed pod become a rotated file and are compressed
// like one, once they are old enough and nobody writes to them.
func TestShelve(t *testing.T) {
	b := newBed(t, t.TempDir())
	b.term = Term{Keep: time.Hour, Compression: logfile.Gzip, CompressAfter: time.Minute}
	b.write("0.log", "last words")
	b.must(os.RemoveAll(b.live("")))
	if swept := b.sweep(); len(swept.Plain) != 0 || time.Until(swept.Next) > time.Minute {
		t.Errorf("too early: %+v", swept)
	}
	b.ahead = 2 * time.Minute
	swept := b.sweep()
	if len(swept.Plain) != 1 {
		t.Fatalf("swept: %+v", swept)
	}
	dir, f, err := b.store.Shelve(swept.Plain[0])
	b.must(err)
	made, err := dir.Compress(t.Context(), f, swept.Plain[0].Term.Compression)
	b.must(errors.Join(err, dir.Close()))
	b.wantKept(map[string]string{made.Name: "last words"})
	if swept := b.sweep(); len(swept.Plain) != 0 || len(swept.Only) != 1 {
		t.Errorf("afterwards: %+v", swept)
	}
}

// TestTry: files can be linked only within one mount.
func TestTry(t *testing.T) {
	for name, split := range map[string]func(b *bed){
		"another file system": func(b *bed) { b.must(unix.Mount("tmpfs", filepath.Join(b.base, "kept"), "tmpfs", 0, "mode=700")) },
		"another mount": func(b *bed) {
			kept := filepath.Join(b.base, "kept")
			b.must(unix.Mount(kept, kept, "", unix.MS_BIND, ""))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, t.TempDir())
			b.must(b.store.Try())
			split(b)
			err := b.store.Try()
			if !errors.Is(err, ErrOtherFileSystem) {
				t.Errorf("%v; want ErrOtherFileSystem", err)
			}
			for _, want := range []string{b.root.Path(), filepath.Join(b.base, "kept"), "ReadWritePaths="} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not name %q: %v", want, err)
				}
			}
			b.must(unix.Unmount(filepath.Join(b.base, "kept"), 0))
			b.must(b.store.Try())
			for _, dir := range []string{"pods", "kept"} {
				entries, err := os.ReadDir(filepath.Join(b.base, dir))
				b.must(err)
				if dir == "pods" && len(entries) != 1 || dir == "kept" && len(entries) != 0 {
					t.Errorf("left in %s: %v", dir, entries)
				}
			}
		})
	}
}

// TestKeepDirMustBeRoots: no file is given to a directory in which others could plant some,
// and none is removed by what it says.
func TestKeepDirMustBeRoots(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"writable to all":   func(path string) error { return os.Chmod(path, 0o777) },
		"writable to group": func(path string) error { return os.Chmod(path, 0o770) },
		"foreign":           func(path string) error { return os.Chown(path, 12345, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, t.TempDir())
			b.write("0.log", "one")
			b.must(os.RemoveAll(b.live("")))
			b.must(spoil(b.store.path))
			if err := b.store.Try(); !errors.Is(err, ErrNotRoots) {
				t.Errorf("tried: %v", err)
			}
			b.ahead = 2 * b.term.Keep
			if _, err := b.store.Sweep(); !errors.Is(err, ErrNotRoots) {
				t.Errorf("swept: %v", err)
			}
			b.wantKept(map[string]string{"0.log": "one"})
		})
	}
}

// TestKeepDirIsAFile: it cannot be opened.
func TestKeepDirIsAFile(t *testing.T) {
	base := t.TempDir()
	root, err := logfile.OpenRoot(base)
	if err := errors.Join(err, os.WriteFile(filepath.Join(base, "kept"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(root, filepath.Join(base, "kept"), time.Now, nil); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("opened: %v", err)
	}
	if err := root.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestKeepDirIsMade with modes that do not depend on the umask, also when somebody has
// removed it.
func TestKeepDirIsMade(t *testing.T) {
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	b := newBed(t, t.TempDir())
	for range 2 {
		b.write("0.log", "one")
		for path, want := range map[string]fs.FileMode{filepath.Join(b.base, "kept"): 0o700, b.kept(""): 0o755} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v; want mode %v", path, info.Mode(), err, want)
			}
		}
		b.wantKept(map[string]string{"0.log": "one"})
		b.must(os.RemoveAll(filepath.Join(b.base, "kept")))
	}
}

// TestRemovedStaysRemoved: a file that is removed on purpose, both names of it, does not
// get the second one back from who looks at the directory meanwhile.
func TestRemovedStaysRemoved(t *testing.T) {
	b := newBed(t, t.TempDir())
	other, err := b.root.Dir(rel)
	b.must(err)
	ended, mirrored := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-ended:
				mirrored <- other.Close()
				return
			default:
			}
			if _, err := b.store.Mirror(other, rel, b.term, scan); err != nil {
				mirrored <- errors.Join(err, other.Close())
				return
			}
		}
	}()
	for n := range 2000 {
		name := logfile.RotatedName("0.log", logfile.Stamp{}.Next(time.Unix(int64(1_700_000_000+n), 0)))
		b.must(os.WriteFile(b.live(name), nil, 0o640))
		info, err := b.dir.Stat(name)
		b.must(err)
		b.must(b.dir.Remove(name, info.ID))
	}
	close(ended)
	b.must(<-mirrored)
	if left := b.mirror(); len(left) > 0 {
		t.Errorf("%d of 2000 removed files have come back, as %q", len(left), left[0])
	}
}
