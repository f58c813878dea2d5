package disk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// writer writes a log as a runtime does, numbered lines into whatever file it has open, and does
// to its files what happens to them on a node.
type writer struct {
	n       *node
	c       logreader.Container
	keep    bool
	attempt int
	out     *os.File
	rotated []string // files that are not compressed yet
}

func (n *node) startWriter(c logreader.Container, keep bool) *writer {
	n.t.Helper()
	n.mkdir(n.pods + "/" + dirOf(c))
	n.mkdir(n.kept + "/" + dirOf(c))
	w := &writer{n: n, c: c, keep: keep}
	w.open()
	return w
}

func (w *writer) path() string {
	return w.n.pods + "/" + dirOf(w.c) + "/" + strconv.Itoa(w.attempt) + ".log"
}

func (w *writer) must(err error) {
	if err != nil {
		w.n.t.Error(err)
	}
}

// open opens a new current file.
func (w *writer) open() {
	f, err := os.OpenFile(w.path(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	w.must(err)
	w.out = f
	w.second(w.path())
}

// second gives a file its second name, if logs are kept.
func (w *writer) second(path string) {
	if w.keep {
		w.must(os.Link(path, w.n.kept+"/"+dirOf(w.c)+"/"+filepath.Base(path)))
	}
}

func (w *writer) write(lines int) {
	_, err := io.WriteString(w.out, w.n.lines(lines))
	w.must(err)
}

// rotate renames the current file, into which a few lines more are written before there is
// another one.
func (w *writer) rotate() {
	to := w.path() + "." + time.Now().UTC().Format("20060102-150405.000000000")
	w.must(os.Rename(w.path(), to))
	if w.keep {
		dir := w.n.kept + "/" + dirOf(w.c) + "/"
		w.must(os.Rename(dir+filepath.Base(w.path()), dir+filepath.Base(to)))
	}
	old := w.out
	w.write(3)
	w.open()
	_, err := io.WriteString(old, w.n.lines(3))
	w.must(err)
	w.must(old.Close())
	w.rotated = append(w.rotated, to)
}

// restart ends an attempt and begins the next.
func (w *writer) restart() {
	w.must(w.out.Close())
	w.attempt++
	w.open()
}

// compress compresses all rotated files but the newest, whoever reads them.
func (w *writer) compress(but int) {
	for len(w.rotated) > but {
		path := w.rotated[0]
		w.rotated = w.rotated[1:]
		content, err := os.ReadFile(path)
		w.must(err)
		tmp := path + ".gz.tmp"
		w.n.write(w.n.kept+"/x.gz", string(content))
		w.must(os.Rename(w.n.kept+"/x.gz", tmp))
		w.must(os.Rename(tmp, path+".gz"))
		w.second(path + ".gz")
		if w.keep {
			w.must(os.Remove(w.n.kept + "/" + dirOf(w.c) + "/" + filepath.Base(path)))
		}
		w.must(os.Remove(path))
	}
}

// removePod ends the container and removes its logs as kubelet does.
func (w *writer) removePod() {
	w.must(w.out.Close())
	w.must(os.RemoveAll(filepath.Dir(w.n.pods + "/" + dirOf(w.c))))
}

// follower reads lines as they come.
type follower struct {
	t     *testing.T
	r     *logreader.Reader
	ctx   context.Context //nolint:containedctx // of the one test that it lives for
	warns []error
	mu    sync.Mutex
}

func (n *node) follow(o logreader.Options, containers ...logreader.Container) *follower {
	n.t.Helper()
	return n.followIn(n.open(), o, containers...)
}

func (n *node) followIn(src logreader.Source, o logreader.Options, containers ...logreader.Container) *follower {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), 2*time.Minute)
	f := &follower{t: n.t, ctx: ctx}
	o.Follow = true
	o.Warn = func(err error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.warns = append(f.warns, err)
	}
	f.r = logreader.New(src, containers, o)
	n.t.Cleanup(func() {
		cancel()
		if err := f.r.Close(); err != nil {
			n.t.Error(err)
		}
	})
	return f
}

// expect reads the lines numbered from to before to.
func (f *follower) expect(from, to int) {
	f.t.Helper()
	for want := from; want < to; want++ {
		line, err := f.r.Next(f.ctx)
		if err != nil {
			f.t.Fatalf("instead of line %d: %v; warned of %v", want, err, f.warns)
		}
		if got := string(line.Text); got != fmt.Sprint(want) || line.Err != nil {
			f.t.Fatalf("line %q (%v), want %d; warned of %v", got, line.Err, want, f.warns)
		}
	}
}

// ends wants the reading to end.
func (f *follower) ends() {
	f.t.Helper()
	if line, err := f.r.Next(f.ctx); !errors.Is(err, io.EOF) {
		f.t.Fatalf("%q, %v instead of the end", line.Text, err)
	}
	if len(f.warns) > 0 {
		f.t.Error(f.warns)
	}
}

const floodSteps = 300

// flood writes, rotates, restarts and compresses, and returns how many lines that makes, or
// would make without a writer.
func flood(w *writer) (lines int) {
	for i := range floodSteps {
		count := 100 + i%7*300
		lines += count
		if w != nil {
			w.write(count)
		}
		switch {
		case i%50 == 49 && w != nil:
			w.restart()
		case i%50 != 49 && i%3 == 0:
			lines += 6
			if w != nil {
				w.rotate()
			}
		}
		if i%10 == 0 && w != nil {
			w.compress(i / 10 % 2) // at times all of them, also the one that is being read
		}
	}
	return lines
}

// A log that is flooded, rotated, compressed under its reader, restarted, and removed with its
// pod, is followed without a line missing, doubled or out of order: some are if the next file is
// chosen by its name, or an old one left too early.
func TestFollow(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprint("keep=", keep), func(t *testing.T) {
			n := newNode(t)
			w := n.startWriter(web(), keep)
			w.write(10)
			f := n.follow(options(), web())
			f.expect(0, 10)
			var writing sync.WaitGroup
			defer writing.Wait()
			writing.Go(func() { flood(w) })
			all := 10 + flood(nil)
			f.expect(10, all)
			writing.Wait()
			w.write(5)
			f.expect(all, all+5)
			if keep { // the last lines are only to be had under their second names
				w.write(5)
				w.removePod()
				f.expect(all+5, all+10)
			} else {
				w.removePod()
			}
			f.ends()
		})
	}
}

// A reader that is slow opens files long after they were rotated, compressed and renamed.
func TestFollowSlowly(t *testing.T) {
	n := newNode(t)
	w := n.startWriter(web(), false)
	w.write(10)
	f := n.follow(options(), web())
	f.expect(0, 5)
	all := 10 + flood(w)
	w.compress(0)
	f.expect(5, all)
	w.removePod()
	f.ends()
}

// What comes after the last lines is followed, too.
func TestFollowTail(t *testing.T) {
	for _, tail := range []int{0, 1, 7} {
		n := newNode(t)
		w := n.startWriter(web(), false)
		w.write(100)
		w.rotate()
		w.write(3)
		o := options()
		o.Tail = int64(tail)
		f := n.follow(o, web())
		if tail > 0 {
			f.expect(109-tail, 109)
		} else {
			// The first call finds the place, and has to before more is written.
			ctx, cancel := context.WithCancel(t.Context())
			o.Idle = func() error { cancel(); return nil }
			f = n.follow(o, web())
			if line, err := f.r.Next(ctx); !errors.Is(err, context.Canceled) {
				t.Fatalf("%q, %v", line.Text, err)
			}
		}
		w.write(5)
		w.rotate()
		w.write(5)
		f.expect(109, 109+16)
		w.removePod()
		f.ends()
	}
}

// Several containers are followed together: of each, every line in order.
func TestFollowSeveral(t *testing.T) {
	n := newNode(t)
	other := web()
	other.Name = "sidecar"
	mine, theirs := n.startWriter(web(), false), n.startWriter(other, false)
	mine.write(10)
	theirs.write(10)
	f := n.follow(options(), web(), other)
	f.expect(0, 20)
	for i := range 50 {
		w := mine
		if i%3 == 0 {
			w = theirs
		}
		w.write(5)
		f.expect(20+i*5, 25+i*5) // one is silent meanwhile, and holds nothing up
	}
	mine.removePod()
	w := theirs
	w.must(w.out.Close())
	f.ends()
}

// A file that somebody removes before it was read leaves a gap, which is told of, also where the
// one before it, removed as well, is still written to when that is seen.
func TestFollowGap(t *testing.T) {
	for _, held := range []bool{false, true} {
		t.Run(fmt.Sprintf("held=%v", held), func(t *testing.T) {
			n := newNode(t)
			w := n.startWriter(web(), false)
			w.write(10)
			f := n.follow(options(), web())
			f.expect(0, 10)
			if held {
				holder, err := os.OpenFile(w.out.Name(), os.O_WRONLY, 0)
				w.must(err)
				time.AfterFunc(100*time.Millisecond, func() {
					if err := holder.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			for range 3 {
				w.rotate()
				w.write(10)
			}
			for _, path := range w.rotated[:2] {
				w.must(os.Remove(path))
			}
			f.expect(10, 13) // of the removed file that is open
			w.write(10)
			for want := n.written; ; {
				line, err := f.r.Next(f.ctx)
				if err != nil {
					t.Fatal(err)
				}
				if string(line.Text) == fmt.Sprint(want-1) {
					break
				}
			}
			if len(f.warns) != 1 {
				t.Fatalf("warned of %v, want one gap", f.warns)
			}
			if _, ok := errors.AsType[*logreader.GapError](f.warns[0]); !ok {
				t.Fatalf("warned of %v, want one gap", f.warns)
			}
			w.removePod()
		})
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
