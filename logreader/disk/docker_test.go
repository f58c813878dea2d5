package disk_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// dockerWriter writes a log as Docker's driver json-file does.
type dockerWriter struct {
	n    *node
	path string
}

func (n *node) startDocker(c logreader.Container) *dockerWriter {
	n.t.Helper()
	id := strings.Repeat("0a", 32)
	w := &dockerWriter{n, n.docker + "/containers/" + id + "/" + id + "-json.log"}
	n.write(w.path, "")
	n.mkdir(n.pods + "/" + dirOf(c))
	if err := os.Symlink(w.path, n.pods+"/"+dirOf(c)+"/0.log"); err != nil {
		n.t.Fatal(err)
	}
	return w
}

func (w *dockerWriter) write(count int) {
	w.n.t.Helper()
	f, err := os.OpenFile(w.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		w.n.t.Fatal(err)
	}
	defer f.Close()
	for range count {
		fmt.Fprintf(f, `{"log":"%d\n","stream":"stdout","time":"%s"}`+"\n", w.n.written, w.n.clock.Format(time.RFC3339Nano))
		w.n.written++
		w.n.clock = w.n.clock.Add(time.Second)
	}
}

// rotate counts one up each file there is, and makes a new current one.
func (w *dockerWriter) rotate() {
	for number := 5; number > 0; number-- {
		for _, extension := range []string{"", ".gz"} {
			_ = os.Rename(fmt.Sprint(w.path, ".", number, extension), fmt.Sprint(w.path, ".", number+1, extension)) // if it is there
		}
	}
	if err := os.Rename(w.path, w.path+".1"); err != nil {
		w.n.t.Error(err)
	}
	w.write(1)
}

// compress compresses a rotated file, which then bears the time of that.
func (w *dockerWriter) compress(number int) {
	name := fmt.Sprint(w.path, ".", number)
	content, err := os.ReadFile(name)
	if err != nil {
		w.n.t.Error(err)
	}
	w.n.write(name+".gz", string(content))
	now := time.Now()
	if err := errors.Join(os.Chtimes(name+".gz", now, now), os.Remove(name)); err != nil {
		w.n.t.Error(err)
	}
}

// afterListing does something once, when a listing has been made that has so many files.
type afterListing struct {
	logreader.Source
	files int
	then  func()
	done  bool
}

func (s *afterListing) Files(ctx context.Context, c logreader.Container) (logreader.Listing, error) {
	l, err := s.Source.Files(ctx, c)
	if len(l.Files) == s.files && !s.done {
		s.done = true
		s.then()
	}
	return l, err
}

// Docker's files are followed too. One that was rotated, compressed and rotated once more since it
// was listed has no name, inode or time in common with what it was: it would be read twice.
func TestFollowDocker(t *testing.T) {
	n := newNode(t)
	w := n.startDocker(web())
	w.write(10)
	src := &afterListing{Source: n.open(), files: 2}
	f := n.followIn(src, options(), web())
	f.expect(0, 10)
	src.then = func() {
		w.compress(1)
		w.rotate()
	}
	w.rotate()
	f.expect(10, 12)
	w.write(5)
	f.expect(12, 17)
	if !src.done || len(f.warns) > 0 {
		t.Errorf("rotated at the wrong time: %t; warned of %v", src.done, f.warns)
	}
}
