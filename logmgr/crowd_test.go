package logmgr_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/readers"
)

// crowd are the readers of a test. They are files of this process, which a Finder
// would leave out.
type crowd struct {
	mu    sync.Mutex
	all   []*collector
	looks int
	took  time.Duration // by a look
	err   error         // of a look
}

// collector is one of them. It has one file open at a time.
type collector struct {
	*testing.T
	crowd *crowd
	name  string
	pid   int
	file  *os.File
	lines uint64 // that it has read, over all files
}

// Write takes what is read.
func (c *collector) Write(text []byte) (int, error) {
	c.lines += uint64(bytes.Count(text, []byte("\n")))
	return len(text), nil
}

func (c *crowd) Look(_ context.Context, want map[logfile.ID]struct{}) (readers.Found, error) {
	time.Sleep(c.took)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	found := readers.Found{Readers: map[logfile.ID][]readers.Reader{}}
	for _, r := range c.all {
		if r.file == nil {
			continue
		}
		pos, err := r.file.Seek(0, io.SeekCurrent)
		var st unix.Stat_t
		if err = errors.Join(err, unix.Fstat(int(r.file.Fd()), &st)); err != nil {
			return readers.Found{}, err
		}
		id := logfile.ID{Dev: st.Dev, Ino: st.Ino}
		if _, ok := want[id]; ok {
			found.Readers[id] = append(found.Readers[id], readers.Reader{PID: r.pid, Name: r.name, Pos: pos, Removed: st.Nlink == 0})
		}
	}
	return found, c.err
}

// join adds a collector.
func (c *crowd) join(r *rig, name string) *collector {
	r.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	one := &collector{T: r.T, crowd: c, name: name, pid: 1000 + len(c.all)}
	c.all = append(c.all, one)
	r.Cleanup(func() {
		if one.file != nil {
			one.file.Close()
		}
	})
	return one
}

// open opens a file instead of the one before; "": none.
func (c *collector) open(file string) {
	c.Helper()
	c.crowd.mu.Lock()
	defer c.crowd.mu.Unlock()
	if c.file != nil {
		if err := c.file.Close(); err != nil {
			c.Fatal(err)
		}
		c.file = nil
	}
	if file == "" {
		return
	}
	var err error
	if c.file, err = os.Open(file); err != nil {
		c.Fatal(err)
	}
}

// take reads n bytes, or what there is if that is less, and returns how much it was.
func (c *collector) take(n int64) int64 {
	c.Helper()
	c.crowd.mu.Lock()
	defer c.crowd.mu.Unlock()
	got, err := io.CopyN(c, c.file, n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.Fatal(err)
	}
	return got
}

// next goes on to the file that follows the one it has read, as a collector does that
// finds rotated files by their names and has read all older ones; false if there is
// none.
func (c *collector) next(log string) bool {
	c.Helper()
	files := append(rotated(c.T, log), filepath.Base(log))
	after := 0 // it goes on with the oldest if its own has gone
	info, err := c.file.Stat()
	if err != nil {
		c.Fatal(err)
	}
	for i, name := range files {
		other, err := os.Stat(filepath.Join(filepath.Dir(log), name))
		if err == nil && os.SameFile(info, other) {
			after = i + 1
		}
	}
	if after == len(files) {
		return false
	}
	c.open(filepath.Join(filepath.Dir(log), files[after]))
	return true
}

// withReaders is a bubble with a crowd, where 3 files are kept, or 7 for readers.
func withReaders(t *testing.T, f func(t *testing.T, r *rig, c *crowd)) {
	t.Helper()
	bubble(t, func(t *testing.T, r *rig) {
		c := &crowd{}
		r.options.Readers = c
		r.policy = policyOf(100*kib, 3, logfile.Gzip, 0)
		r.policy.MaxFilesUnread = 7
		f(t, r, c)
	})
}

const (
	lookPause   = 2 * time.Second  // by then everybody who asked was answered
	lookAgain   = 11 * time.Second // by then files that waited for a reader were looked at again
	longAbsence = 61 * time.Second // by then a reader that has gone is forgotten
)

var _ logmgr.Readers = (*crowd)(nil)
