package logfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func (p *place) wantLink(name, target string) {
	p.t.Helper()
	if got, err := os.Readlink(p.file(name)); err != nil || got != target {
		p.t.Errorf("%q leads to %q, %v; want %q", name, got, err, target)
	}
}

func TestMakeDir(t *testing.T) {
	p := newPlace(t)
	old := unix.Umask(0o077) // as the unit has it
	defer unix.Umask(old)
	for _, rel := range []string{containerDir, "new_pod_uid/app", "new_pod_uid/[*] app", "uid"} {
		dir, err := p.root.MakeDir(rel)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(p.root.Path(), rel))
		if err := errors.Join(err, dir.Close()); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%q: %v, %v", rel, info, err)
		}
	}
	for _, rel := range []string{"", ".", "..", "../x", "/x", "a/../../x"} {
		if _, err := p.root.MakeDir(rel); !errors.Is(err, ErrEscapes) {
			t.Errorf("MakeDir(%q): %v; want ErrEscapes", rel, err)
		}
	}
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(p.root.Path(), "planted")); err != nil {
		t.Fatal(err)
	}
	for _, rel := range []string{"planted", "planted/app"} {
		if _, err := p.root.MakeDir(rel); !errors.Is(err, ErrUnsafe) {
			t.Errorf("MakeDir(%q): %v; want ErrUnsafe", rel, err)
		}
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 0 {
		t.Errorf("made outside: %v, %v", entries, err)
	}
}

func TestLink(t *testing.T) {
	p := newPlace(t)
	for _, target := range []string{"/var/lib/docker/containers/a/a-json.log", "/var/lib/docker/containers/b/b-json.log", "/var/lib/docker/containers/b/b-json.log"} {
		if err := p.Link("0.log", target); err != nil {
			t.Fatal(err)
		}
		p.wantLink("0.log", target)
	}
	p.write("1.log", lines(0, 1))
	if err := p.Link("1.log", "elsewhere"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file: %v; want fs.ErrExist", err)
	}
	for _, bad := range badNames() {
		if err := p.Link(bad, "elsewhere"); !errors.Is(err, ErrName) {
			t.Errorf("Link(%q): %v; want ErrName", bad, err)
		}
	}
	p.wantNames("0.log", "1.log")
	if got := string(p.content("1.log")); got != string(lines(0, 1)) {
		t.Errorf("1.log holds %q", got)
	}
}

// TestLinkNeverReplacesAFile puts a log in the link's place in the instant before the link
// is replaced, and lets the exchange back fail as well.
func TestLinkNeverReplacesAFile(t *testing.T) {
	for _, backFails := range []bool{false, true} {
		p := newPlace(t)
		if err := p.Link("0.log", "old"); err != nil {
			t.Fatal(err)
		}
		p.write("new", lines(0, 1))
		var err error
		withTraps(t, []*trap{{call: unix.SYS_RENAMEAT2, do: func(n int) unix.Errno {
			if n == 1 {
				if err := os.Rename(p.file("new"), p.file("0.log")); err != nil {
					t.Error(err)
				}
			}
			if n == 2 && backFails {
				return unix.EIO
			}
			return 0
		}}}, func() { err = p.Link("0.log", "elsewhere") })
		want, name := fs.ErrExist, "0.log"
		if backFails {
			want, name = unix.EIO, ".0.log.link"
		}
		if !errors.Is(err, want) {
			t.Errorf("%v; want %v", err, want)
		}
		if err := p.Link("0.log", "third"); !errors.Is(err, fs.ErrExist) {
			t.Errorf("again: %v; want fs.ErrExist", err)
		}
		if got := string(p.content(name)); got != string(lines(0, 1)) {
			t.Errorf("%q holds %q", name, got)
		}
	}
}

func TestRemoveDanglingLink(t *testing.T) {
	p := newPlace(t)
	p.write("file", lines(0, 1))
	err := errors.Join(
		os.Symlink("absent", p.file("dangling")),
		os.Symlink("file", p.file("leading")),
		os.Mkdir(p.file("directory"), 0o755),
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dangling", "leading", "file", "directory", "absent"} {
		if err := p.RemoveDanglingLink(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	p.wantNames("directory", "file", "leading")
	for _, bad := range badNames() {
		if err := p.RemoveDanglingLink(bad); !errors.Is(err, ErrName) {
			t.Errorf("RemoveDanglingLink(%q): %v; want ErrName", bad, err)
		}
	}
}
