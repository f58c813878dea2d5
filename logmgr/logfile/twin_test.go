package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// twinned is a place whose files may have second names.
type twinned struct {
	*place
	kept *Dir
}

func newTwinned(t *testing.T) *twinned {
	t.Helper()
	p := newPlace(t)
	top := filepath.Join(filepath.Dir(p.root.Path()), "kept")
	if err := os.MkdirAll(top, 0o700); err != nil {
		t.Fatal(err)
	}
	root, err := p.root.OpenTwin(top)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := root.MakeDir(containerDir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(dir.Close(), root.Close()); err != nil {
			t.Error(err)
		}
	})
	return &twinned{place: p, kept: dir}
}

func (p *twinned) link(name string) ID {
	p.t.Helper()
	id := p.stat(name).ID
	if err := p.HardLink(name, id, p.kept, name); err != nil {
		p.t.Fatal(err)
	}
	return id
}

func (p *twinned) keptNames() []string {
	p.t.Helper()
	files, err := p.kept.Files()
	if err != nil {
		p.t.Fatal(err)
	}
	return namesOf(files)
}

func (p *twinned) wantKept(want ...string) {
	p.t.Helper()
	slices.Sort(want)
	if got := p.keptNames(); !slices.Equal(got, want) {
		p.t.Errorf("second names %q, want %q", got, want)
	}
}

// TestOnlyATwinIsASecondName: a file with two names is safe to touch if the other one
// is in the twin, whatever it is called there, and only then.
func TestOnlyATwinIsASecondName(t *testing.T) {
	p := newTwinned(t)
	p.write("0.log", lines(0, 1))
	id := p.link("0.log")
	safe := func(what string) {
		t.Helper()
		dir, err := p.root.Dir(containerDir) // one that remembers nothing
		if err != nil {
			t.Fatal(err)
		}
		if got, err := dir.Stat("0.log"); err != nil || got.ID != id || got.Links != 2 {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
		if err := dir.Close(); err != nil {
			t.Fatal(err)
		}
	}
	safe("the same name")
	if err := p.kept.Rename("0.log", rotatedAt(1), id); err != nil {
		t.Fatal(err)
	}
	safe("another name")

	elsewhere := filepath.Join(t.TempDir(), "third")
	if err := os.Link(p.file("0.log"), elsewhere); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Stat("0.log"); !errors.Is(err, ErrUnsafe) {
		t.Errorf("three names: %v; want ErrUnsafe", err)
	}
	if err := p.kept.Remove(rotatedAt(1), id); !errors.Is(err, ErrUnsafe) {
		t.Errorf("three names, from the twin: %v; want ErrUnsafe", err)
	}
	if err := os.Remove(filepath.Join(p.kept.Path(), rotatedAt(1))); err != nil {
		t.Fatal(err)
	}
	dir, err := p.root.Dir(containerDir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Stat("0.log"); !errors.Is(err, ErrUnsafe) {
		t.Errorf("a second name elsewhere: %v; want ErrUnsafe", err)
	}
	if err := dir.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestPlantedFilesAreNotLinked: what is not a log's file gets no second name.
func TestPlantedFilesAreNotLinked(t *testing.T) {
	needsRoot(t)
	p := newTwinned(t)
	names, _ := plant(p.place)
	for _, name := range names {
		var st unix.Stat_t
		if err := unix.Lstat(p.file(name), &st); err != nil {
			t.Fatal(err)
		}
		if err := p.HardLink(name, idOf(&st), p.kept, name); !errors.Is(err, ErrUnsafe) {
			t.Errorf("%s: %v; want ErrUnsafe", name, err)
		}
	}
	p.wantKept()
}

func TestHardLink(t *testing.T) {
	p := newTwinned(t)
	p.write("0.log", lines(0, 1))
	p.write("1.log", lines(0, 2))
	id := p.link("0.log")
	p.link("0.log") // again
	if err := p.HardLink("1.log", p.stat("1.log").ID, p.kept, "0.log"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a name that is taken: %v; want fs.ErrExist", err)
	}
	if err := p.HardLink("1.log", id, p.kept, "1.log"); !errors.Is(err, ErrChanged) {
		t.Errorf("another file: %v; want ErrChanged", err)
	}
	if err := p.HardLink("2.log", id, p.kept, "2.log"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v; want fs.ErrNotExist", err)
	}
	for _, name := range []string{"", ".", "..", "../x", "a/b"} {
		if err := p.HardLink("0.log", id, p.kept, name); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v; want ErrName", name, err)
		}
	}
	p.wantKept("0.log")
}

// TestTwinIsFoundWhileItIsRenamed: a file stays safe to touch while its second name
// follows the first one, and passes by whoever lists the directory.
func TestTwinIsFoundWhileItIsRenamed(t *testing.T) {
	p := newTwinned(t)
	for n := range 100 { // so that a listing takes its time
		p.write(fmt.Sprintf("%d.log", n+1), nil)
		p.link(fmt.Sprintf("%d.log", n+1))
	}
	for n := range 500 {
		rotated := rotatedAt(n + 1)
		p.write("0.log", lines(0, 1))
		id := p.link("0.log")
		if err := p.Rename("0.log", rotated, id); err != nil {
			t.Fatal(err)
		}
		renamed := make(chan error, 1)
		go func() { renamed <- p.kept.Rename("0.log", rotated, id) }()
		for moving := true; moving; {
			select {
			case err := <-renamed:
				if err != nil {
					t.Fatal(err)
				}
				moving = false
			default:
			}
			if _, err := p.Stat(rotated); err != nil {
				t.Fatalf("renaming %d: %v", n, err)
			}
			p.vouched = ID{} // as if it was looked at for the first time
		}
		if err := p.Remove(rotated, id); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBothNamesGo: what is removed on purpose does not come back.
func TestBothNamesGo(t *testing.T) {
	p := newTwinned(t)
	p.write("0.log", lines(0, 1))
	id := p.link("0.log")
	if err := p.kept.Rename("0.log", rotatedAt(1), id); err != nil {
		t.Fatal(err)
	}
	if err := p.Remove("0.log", id); err != nil {
		t.Fatal(err)
	}
	p.wantNames()
	p.wantKept()
}

// TestCompressedTwins: before each removal in a compression, one whole form of the file has
// two names, and at its end the other has none.
func TestCompressedTwins(t *testing.T) {
	for _, c := range []Compression{Gzip, Zstd} {
		p := newTwinned(t)
		p.write(rotatedAt(1), lines(0, 100))
		p.link(rotatedAt(1))
		seen := 0
		check := &trap{call: unix.SYS_UNLINKAT, do: func(int) unix.Errno {
			seen++
			whole := 0
			for _, name := range p.keptNames() {
				if f := p.stat(name); f.Links == 2 {
					whole++
				}
			}
			if whole == 0 {
				t.Error("no form of the file has two names")
			}
			return 0
		}}
		withTraps(t, []*trap{check}, func() {
			if _, err := p.Compress(t.Context(), p.rotated(rotatedAt(1)), c); err != nil {
				t.Error(err)
			}
		})
		if seen < 2 {
			t.Errorf("looked %d times", seen)
		}
		p.wantNames(rotatedAt(1) + c.Suffix())
		p.wantKept(rotatedAt(1) + c.Suffix())
	}
}

// TestCompressionOfOneNameMakesNoSecond: only what is kept stays kept.
func TestCompressionOfOneNameMakesNoSecond(t *testing.T) {
	p := newTwinned(t)
	p.write(rotatedAt(1), lines(0, 100))
	if _, err := p.Compress(t.Context(), p.rotated(rotatedAt(1)), Gzip); err != nil {
		t.Fatal(err)
	}
	p.wantNames(rotatedAt(1) + ".gz")
	p.wantKept()
}

// TestCompressWithoutRoomForASecondName: the source stays, with both names.
func TestCompressWithoutRoomForASecondName(t *testing.T) {
	p := newTwinned(t)
	p.write(rotatedAt(1), lines(0, 100))
	p.link(rotatedAt(1))
	withTraps(t, []*trap{failing(unix.SYS_LINKAT, unix.ENOSPC)}, func() {
		if _, err := p.Compress(t.Context(), p.rotated(rotatedAt(1)), Gzip); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("%v; want ENOSPC", err)
		}
	})
	p.wantNames(rotatedAt(1))
	p.wantKept(rotatedAt(1))
}

// TestHealTwins: what a crash has left of files with second names.
func TestHealTwins(t *testing.T) {
	t.Run("rename of a kept file", func(t *testing.T) {
		p := newTwinned(t)
		p.write("0.log", lines(0, 100))
		p.link("0.log")
		if err := os.Link(p.file("0.log"), p.file(rotatedAt(1))); err != nil {
			t.Fatal(err)
		}
		p.heal()
		p.wantNames(rotatedAt(1))
		p.wantKept("0.log") // whoever mirrors gives it its new name
	})
	t.Run("compression of a kept file", func(t *testing.T) {
		p := newTwinned(t)
		p.write(rotatedAt(1), lines(0, 100))
		p.link(rotatedAt(1))
		p.write(rotatedAt(1)+".gz", compressed(t, lines(0, 100), Gzip))
		p.heal()
		p.wantNames(rotatedAt(1) + ".gz")
		p.wantKept(rotatedAt(1) + ".gz")
	})
}

// TestKilledWithTwins kills a process before each system call that changes something.
// Whatever it leaves, and if whoever removes a pod's directory does so right then: what
// has the second names is the whole log, once and in order.
func TestKilledWithTwins(t *testing.T) {
	for _, what := range []string{"gzip", "zstd", "rotate", "link-rotate", "link-gzip", "heal", "link-heal"} {
		t.Run(what, func(t *testing.T) {
			for n := 1; ; n++ {
				p := newTwinned(t)
				p.write(rotatedAt(1), lines(0, 1000))
				p.write(rotatedAt(2), lines(1000, 1020))
				p.write("0.log", lines(1020, 1040))
				for _, name := range []string{rotatedAt(1), rotatedAt(2), "0.log"} {
					p.link(name)
				}
				if strings.HasSuffix(what, "heal") {
					p.write(rotatedAt(1)+".gz", compressed(t, lines(0, 1000), Gzip))
					p.write(rotatedAt(2)+".gz", compressed(t, lines(1000, 1010), Gzip))
					p.write(rotatedAt(2)+".gz.tmp", nil)
				}
				killed := p.crash(what, n)
				if n%2 == 0 {
					if err := os.RemoveAll(p.path); err != nil {
						t.Fatal(err)
					}
				} else {
					p.heal()
					if got := p.readAll(); !bytes.Equal(got, lines(0, 1040)) {
						t.Fatalf("killed before call %d: %d bytes", n, len(got))
					}
				}
				second := &place{t: t, root: p.kept.root, Dir: p.kept, path: p.kept.Path()}
				second.heal()
				if got := second.readAll(); !bytes.Equal(got, lines(0, 1040)) {
					t.Fatalf("killed before call %d: %d bytes have second names, want %d", n, len(got), len(lines(0, 1040)))
				}
				if !killed && n%2 == 0 {
					return
				}
			}
		})
	}
}

func TestRemoveDirs(t *testing.T) {
	p := newTwinned(t)
	root := p.kept.root
	if names, err := root.Dirs("."); err != nil || !slices.Equal(names, []string{filepath.Dir(containerDir)}) {
		t.Errorf("directories %q, %v", names, err)
	}
	p.write("0.log", lines(0, 1))
	id := p.link("0.log")
	if err := root.RemoveDirs(containerDir); err != nil {
		t.Fatal(err)
	}
	p.wantKept("0.log")
	if err := p.kept.Remove("0.log", id); err != nil {
		t.Fatal(err)
	}
	if err := root.RemoveDirs(containerDir); err != nil {
		t.Fatal(err)
	}
	if names, err := root.Dirs("."); err != nil || len(names) != 0 {
		t.Errorf("directories %q, %v", names, err)
	}
}
