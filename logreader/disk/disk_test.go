package disk_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/cri-logshim/cri-logshim/logreader"
	"github.com/cri-logshim/cri-logshim/logreader/disk"
)

// node is a node's directories of logs.
type node struct {
	t             *testing.T
	pods, kept    string
	links, docker string
	written       int // lines
	clock         time.Time
	warned        []error
}

func newNode(t *testing.T) *node {
	t.Helper()
	dir := t.TempDir()
	n := &node{
		t: t, pods: dir + "/pods", kept: dir + "/kept", links: dir + "/containers", docker: dir + "/docker",
		clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
	}
	for _, d := range []string{n.pods, n.kept, n.links, n.docker} {
		n.mkdir(d)
	}
	return n
}

func (n *node) mkdir(dir string) {
	n.t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		n.t.Fatal(err)
	}
}

// container is the one that most tests read.
func web() logreader.Container {
	return logreader.Container{Pod: logreader.Pod{Namespace: "shop", Name: "web-0", UID: "u1"}, Name: "app"}
}

func dirOf(c logreader.Container) string {
	return fmt.Sprintf("%s_%s_%s/%s", c.Namespace, c.Pod.Name, c.UID, c.Name)
}

// lines are the next lines of the log, a second apart.
func (n *node) lines(count int) string {
	var b strings.Builder
	for range count {
		fmt.Fprintf(&b, "%s stdout F %d\n", n.clock.Format(time.RFC3339Nano), n.written)
		n.written++
		n.clock = n.clock.Add(time.Second)
	}
	return b.String()
}

// stamp is a rotation's, now.
func (n *node) stamp() string { return n.clock.Format("20060102-150405.000000000") }

// write writes a file, compressed as its name says.
func (n *node) write(path, content string) string {
	n.t.Helper()
	n.mkdir(filepath.Dir(path))
	f, err := os.Create(path)
	if err != nil {
		n.t.Fatal(err)
	}
	var w io.WriteCloser = f
	switch filepath.Ext(path) {
	case ".gz":
		w = gzip.NewWriter(f)
	case ".zst":
		if w, err = zstd.NewWriter(f); err != nil {
			n.t.Fatal(err)
		}
	}
	if _, err := io.WriteString(w, content); err != nil {
		n.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		n.t.Fatal(err)
	}
	if w != io.WriteCloser(f) {
		if err := f.Close(); err != nil {
			n.t.Fatal(err)
		}
	}
	if err := os.Chtimes(path, n.clock, n.clock); err != nil {
		n.t.Fatal(err)
	}
	return path
}

func (n *node) open() *disk.Disk {
	n.t.Helper()
	d, err := disk.Open(disk.Options{PodLogsDir: n.pods, KeepDir: n.kept, LinksDir: n.links})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		if err := d.Close(); err != nil {
			n.t.Error(err)
		}
	})
	return d
}

func options() logreader.Options { return logreader.Options{Tail: logreader.All} }

// read reads all that options choose, as texts.
func (n *node) read(o logreader.Options, containers ...logreader.Container) []string {
	n.t.Helper()
	o.Warn = func(err error) { n.warned = append(n.warned, err) }
	if len(containers) == 0 {
		containers = append(containers, web())
	}
	ctx, cancel := context.WithTimeout(n.t.Context(), time.Minute)
	defer cancel()
	r := logreader.New(n.open(), containers, o)
	defer func() {
		if err := r.Close(); err != nil {
			n.t.Error(err)
		}
	}()
	var texts []string
	for {
		line, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			n.t.Fatal(err)
		}
		if line.Err != nil {
			n.warned = append(n.warned, line.Err)
			continue
		}
		texts = append(texts, string(line.Text))
	}
}

// expect wants the lines numbered from to before to, in order.
func (n *node) expect(got []string, from, to int) {
	n.t.Helper()
	if len(got) != to-from {
		n.t.Errorf("%d lines, want %d", len(got), to-from)
	}
	for i, text := range got {
		if want := fmt.Sprint(from + i); text != want {
			n.t.Fatalf("line %d is %q, want %q", i, text, want)
		}
	}
}

// rotated writes the next lines as a file that is rotated after the last of them.
func (n *node) rotated(current, extension string, count int) string {
	n.t.Helper()
	text := n.lines(count)
	return n.write(current+"."+n.stamp()+extension, text)
}

// history lays a history of three attempts: compressed in both ways, plain, kept and linked.
func (n *node) history() {
	live, kept := n.pods+"/"+dirOf(web()), n.kept+"/"+dirOf(web())
	n.rotated(kept+"/0.log", ".gz", 1000)
	n.write(kept+"/0.log", n.lines(10))
	text := n.lines(3000)
	n.write(live+"/1.log."+n.clock.Local().Format("20060102-150405")+".gz", text)
	n.rotated(live+"/1.log", ".zst", 2000)
	text = n.lines(500)
	name := "/1.log." + n.stamp()
	n.write(live+name, text)
	n.write(live+name+".gz", text)
	n.link(live+name, kept+name)
	n.write(live+"/1.log", n.lines(20))
	n.link(live+"/1.log", kept+"/1.log")
	n.rotated(live+"/2.log", "", 5000)
	n.write(live+"/2.log", n.lines(70))
}

func (n *node) link(from, to string) {
	n.t.Helper()
	n.mkdir(filepath.Dir(to))
	if err := os.Link(from, to); err != nil {
		n.t.Fatal(err)
	}
}

// A whole history is one file: in order, each line once, whatever its files are called, where
// they are and how they are compressed.
func TestHistory(t *testing.T) {
	n := newNode(t)
	n.history()
	n.expect(n.read(options()), 0, n.written)
	if len(n.warned) > 0 {
		t.Error(n.warned)
	}
}

// The last lines are those, for any number of them, across files, compressions and attempts.
func TestTail(t *testing.T) {
	n := newNode(t)
	n.history()
	for _, tail := range []int{0, 1, 69, 70, 71, 5069, 5070, 5071, 5089, 5090, 5091, 5590, 5591, 7000, 7590, 7591, 10590, 10600, 10601, n.written - 1, n.written, n.written + 10} {
		o := options()
		o.Tail = int64(tail)
		n.expect(n.read(o), max(n.written-tail, 0), n.written)
	}
}

// A range of time is cut out exactly.
func TestRange(t *testing.T) {
	n := newNode(t)
	begin := n.clock
	n.history()
	for _, r := range [][2]int{{0, 1}, {5, 1005}, {999, 1000}, {1009, 1012}, {4000, 6000}, {6400, 6600}, {6900, 11600}, {11000, n.written}} {
		o := options()
		o.Since, o.Until = begin.Add(time.Duration(r[0])*time.Second), begin.Add(time.Duration(r[1]-1)*time.Second)
		n.expect(n.read(o), r[0], r[1])
		o.Tail = 3
		n.expect(n.read(o), max(r[1]-3, r[0]), r[1])
	}
}

// A single attempt is read alone; the one before the last is previous.
func TestAttempts(t *testing.T) {
	n := newNode(t)
	n.history()
	o := options()
	o.Previous = true
	n.expect(n.read(o), 1010, 6530)
	o = options()
	o.Attempt = new(uint32)
	n.expect(n.read(o), 0, 1010)
	*o.Attempt = 2
	o.Tail = 5100
	n.expect(n.read(o), 6530, n.written)
}

// A damaged file is told of, and reading goes on with the next one.
func TestDamaged(t *testing.T) {
	n := newNode(t)
	live := n.pods + "/" + dirOf(web())
	n.rotated(live+"/0.log", ".gz", 100)
	n.clock = n.clock.Add(time.Second)
	damaged := n.rotated(live+"/0.log", ".gz", 0)
	if err := os.WriteFile(damaged, []byte("no gzip"), 0o600); err != nil {
		t.Fatal(err)
	}
	n.write(live+"/0.log."+n.stamp()+"1.gz", "")
	n.clock = n.clock.Add(time.Second)
	empty := n.write(live+"/0.log."+n.stamp(), "")
	if err := os.Rename(empty, empty+".zst"); err != nil {
		t.Fatal(err)
	}
	n.clock = n.clock.Add(time.Second)
	n.write(live+"/0.log", n.lines(100))
	n.expect(n.read(options()), 0, 200)
	var damages int
	for _, err := range n.warned {
		if _, ok := errors.AsType[*logreader.FileError](err); ok {
			damages++
		}
	}
	if damages != 2 || len(n.warned) != 3 {
		t.Errorf("warned of %d damages in %q, want 2, and of a foreign name", damages, n.warned)
	}
}

// Docker's files are read through the link; a link elsewhere is not followed.
func TestDocker(t *testing.T) {
	n := newNode(t)
	id := strings.Repeat("0a", 32)
	json := n.docker + "/containers/" + id + "/" + id + "-json.log"
	records := func(count int) string {
		var b strings.Builder
		for range count {
			fmt.Fprintf(&b, `{"log":"%d\n","stream":"stdout","time":"%s"}`+"\n", n.written, n.clock.Format(time.RFC3339Nano))
			n.written++
			n.clock = n.clock.Add(time.Second)
		}
		return b.String()
	}
	n.write(json+".10.gz", records(10))
	n.write(json+".2.gz", records(1000))
	last := records(1000)
	n.write(json+".1", last)
	n.write(json+".1.gz", last[:100])
	n.write(json, records(10))
	n.mkdir(n.pods + "/" + dirOf(web()))
	if err := os.Symlink(json, n.pods+"/"+dirOf(web())+"/0.log"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", n.pods+"/"+dirOf(web())+"/1.log"); err != nil {
		t.Fatal(err)
	}
	n.expect(n.read(options()), 0, n.written)
	if len(n.warned) != 1 || !strings.Contains(n.warned[0].Error(), `link to "/etc/passwd"`) {
		t.Error(n.warned)
	}
}

// Lines of several containers are ordered by their times.
func TestMerged(t *testing.T) {
	n := newNode(t)
	other := web()
	other.Name = "sidecar"
	var mine, theirs strings.Builder
	for i := range 5000 {
		if i%3 == 0 {
			theirs.WriteString(n.lines(1))
		} else {
			mine.WriteString(n.lines(1))
		}
	}
	n.write(n.pods+"/"+dirOf(web())+"/0.log", mine.String())
	n.write(n.pods+"/"+dirOf(other)+"/0.log."+n.stamp()+".gz", theirs.String())
	n.expect(n.read(options(), web(), other), 0, 5000)
	gone := web()
	gone.Name = "gone"
	n.expect(n.read(options(), web(), other, gone), 0, 5000)
	if len(n.warned) != 1 || !errors.Is(n.warned[0], fs.ErrNotExist) {
		t.Errorf("warned of %v, want of the container that has gone", n.warned)
	}
	o := options()
	o.Tail = 100
	if got := n.read(o, web(), other); len(got) != 200 || got[199] != "4999" {
		t.Errorf("of the last 100 lines of two containers there are %d, the last is %q", len(got), got[len(got)-1])
	}
}
