package disk_test

import (
	"errors"
	"os"
	"path"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logreader"
	"github.com/cri-logshim/cri-logshim/logreader/disk"
)

// identify is what a file is, with a statx that fails.
func identify(t *testing.T, path string, failure error) (logreader.ID, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return disk.Identify(f, failure)
}

// A file whose name is given anew has its time of birth wherever it lies, Docker's too: its inode
// is given anew as well, and nothing else tells it from the one that was removed.
func TestFilesHaveTheirBirth(t *testing.T) {
	n := newNode(t)
	w := n.startDocker(web())
	w.write(1)
	w.rotate()
	other := web()
	other.Name = "kept"
	kept := n.write(n.kept+"/"+dirOf(other)+"/0.log", n.lines(1))
	d := n.open()
	places := map[logreader.Container]string{web(): path.Dir(w.path), other: path.Dir(kept)}
	for c, dir := range places {
		l, err := d.Files(t.Context(), c)
		if err != nil || len(l.Files) == 0 {
			t.Fatalf("%+v: %v", l, err)
		}
		for _, f := range l.Files {
			if want, err := identify(t, path.Join(dir, path.Base(f.Name)), nil); err != nil || f.ID != want {
				t.Errorf("%q is %+v, and it is listed as %+v: %v", f.Name, want, f.ID, err)
			}
		}
	}
}

// Without statx, as on an old kernel or behind an old filter of system calls, files are read all
// the same.
func TestIdentifyWithoutStatx(t *testing.T) {
	n := newNode(t)
	path := n.write(n.pods+"/"+dirOf(web())+"/0.log", n.lines(1))
	want, err := identify(t, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	want.Born = 0
	for _, failure := range []error{unix.ENOSYS, unix.EPERM} {
		if got, err := identify(t, path, failure); err != nil || got != want {
			t.Errorf("with %v: %+v, %v; want %+v", failure, got, err, want)
		}
	}
	if _, err := identify(t, path, unix.EIO); !errors.Is(err, unix.EIO) {
		t.Errorf("with %v: %v", unix.EIO, err)
	}
}
