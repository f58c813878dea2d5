package logmgr_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/readers"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
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

// TestUnreadStaysAsItIs: what an open reader has not finished, and all that follows, is
// neither compressed nor removed; what it has finished is.
func TestUnreadStaysAsItIs(t *testing.T) {
	withReaders(t, func(t *testing.T, r *rig, crowd *crowd) {
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 20, 1000))
		reader := crowd.join(r, "collector")
		reader.open(c.Path())
		reader.take(5000)
		r.rotate(c, 5)
		r.pass(lookAgain)
		if all, open := rotated(t, c.Path()), plain(t, c); len(all) != 5 || len(open) != 5 {
			t.Errorf("before it is read: files %q, of them plain %q", all, open)
		}
		for want := 4; want >= 3; want-- {
			reader.take(mib)
			r.pass(lookAgain)
			if all, open := rotated(t, c.Path()), plain(t, c); len(all) != want || len(open) != want {
				t.Errorf("when the oldest is read: files %q, of them plain %q", all, open)
			}
			reader.next(c.Path())
		}
		reader.open(c.Path())
		r.pass(lookAgain)
		if all, open := rotated(t, c.Path()), plain(t, c); len(all) != 2 || len(open) != 1 {
			t.Errorf("when all are read: files %q, of them plain %q", all, open)
		}
		r.newestLines(c)
		if lost := r.metric("deleted_unread_bytes_total"); lost != 0 {
			t.Errorf("%v unread bytes were removed", lost)
		}
	})
}

// TestStoppedForEver: a reader that holds a file open and never goes on costs
// maxFilesUnread files and no more. What goes unread is counted to the byte and its
// reader is named, and when it is gone everything is as before.
func TestStoppedForEver(t *testing.T) {
	withReaders(t, func(t *testing.T, r *rig, crowd *crowd) {
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 20, 1000))
		reader := crowd.join(r, "stopped")
		reader.open(c.Path())
		reader.take(5000)
		var sum int64 // of all rotated files so far
		for range 20 {
			r.rotate(c, 1)
			newest := sizes(t, c.Path())
			sum += newest[len(newest)-1]
			r.pass(lookPause)
			if got := names(t, c.Path()); len(got) > 7 {
				t.Fatalf("files %q", got)
			}
		}
		var left int64
		for _, size := range sizes(t, c.Path()) {
			left += size
		}
		if got, want := r.metric("deleted_unread_bytes_total"), float64(sum-left-5000); got != want {
			t.Errorf("%v unread bytes are counted, want %v", got, want)
		}
		const warning = "reader has not finished"
		if got := r.said(warning); got != 14 { // of 20 rotated files, 6 are there
			t.Errorf("%d warnings", got)
		}
		for _, e := range r.journal.AllEntries() {
			if strings.Contains(e.Message, warning) && (e.Data["reader"] != "stopped" || e.Data["pid"] != reader.pid) {
				t.Errorf("the warning names %v", e.Data)
			}
		}
		reader.open("")
		r.rotate(c, 1)
		r.pass(longAbsence)
		before := r.metric("deleted_unread_bytes_total")
		r.rotate(c, 5)
		r.pass(lookAgain)
		if got := names(t, c.Path()); len(got) != 3 {
			t.Errorf("after it has gone: files %q", got)
		}
		if got := r.metric("deleted_unread_bytes_total"); got != before {
			t.Errorf("%v unread bytes are counted after the reader has gone", got-before)
		}
	})
}

// TestSlowReader: one that is slower than the writer for a while, but within what is
// kept for it, gets to see every byte, though it opens each file only when it has
// finished the one before.
func TestSlowReader(t *testing.T) {
	withReaders(t, func(t *testing.T, r *rig, crowd *crowd) {
		r.policy.Compression = logfile.Plain
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 1, 1000))
		reader := crowd.join(r, "slow")
		reader.open(c.Path())
		most := 0
		for n := range 400 {
			// A third of what is written while there is something to read, for a while;
			// then twice as much.
			r.must(c.Print("stdout", 15, 1000))
			r.pass(10 * time.Millisecond) // names do not change while the reader goes by them
			rate := int64(5000)
			if n%40 >= 24 {
				rate = 60_000
			}
			if reader.take(rate) < rate {
				reader.next(c.Path())
			}
			r.pass(90 * time.Millisecond)
			most = max(most, len(names(t, c.Path())))
		}
		for reader.take(mib) > 0 || reader.next(c.Path()) {
			continue
		}
		if written := c.Written()["stdout"]; reader.lines != written {
			t.Errorf("it has read %d of %d lines", reader.lines, written)
		}
		if lost := r.metric("deleted_unread_bytes_total"); lost != 0 || most <= 3 {
			t.Errorf("%v unread bytes were removed; %d files were there at most", lost, most)
		}
	})
}

// TestReaderThatClosesAndReopens: one that has closed its file when it is looked for,
// or that is restarted as another process, is waited for where it was for a while.
func TestReaderThatClosesAndReopens(t *testing.T) {
	withReaders(t, func(t *testing.T, r *rig, crowd *crowd) {
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 20, 1000))
		reader := crowd.join(r, "restarted")
		reader.open(c.Path())
		reader.take(5000)
		r.rotate(c, 3)
		r.pass(lookPause)
		oldest := rotated(t, c.Path())[0]
		for range 3 {
			reader.open("")
			r.rotate(c, 1)
			r.pass(20 * time.Second)
			if got := rotated(t, c.Path())[0]; got != oldest {
				t.Fatalf("the oldest file is %s, and not %s any longer", got, oldest)
			}
			reader = crowd.join(r, "restarted") // with another pid
			reader.open(filepath.Join(filepath.Dir(c.Path()), oldest))
			reader.take(6000)
			r.pass(lookAgain)
		}
		reader.open("")
		r.pass(longAbsence + lookAgain)
		if got := names(t, c.Path()); len(got) != 3 {
			t.Errorf("after it has stayed away: files %q", got)
		}
	})
}

// TestGlanceIsNoReading: a descriptor that a collector has left open after a look at
// how the file begins keeps nothing, as long as it reads newer ones.
func TestGlanceIsNoReading(t *testing.T) {
	withReaders(t, func(t *testing.T, r *rig, crowd *crowd) {
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 20, 1000))
		left := crowd.join(r, "collector")
		left.open(c.Path())
		left.take(512)
		reader := crowd.join(r, "collector")
		reader.pid = left.pid
		for range 6 {
			r.rotate(c, 1)
			reader.open(c.Path())
			reader.take(mib)
			r.pass(lookPause)
		}
		if got := names(t, c.Path()); len(got) != 3 {
			t.Errorf("files %q", got)
		}
		if got := r.metric("deleted_unread_bytes_total"); got != 0 {
			t.Errorf("%v unread bytes are counted", got)
		}
	})
}

// TestHowSlowAReaderMayBe: one that is slower than the writer for ever loses nothing
// before it is maxFilesUnread - 1 full files behind, the current one included.
func TestHowSlowAReaderMayBe(t *testing.T) {
	withReaders(t, func(t *testing.T, r *rig, crowd *crowd) {
		r.policy.Compression = logfile.Plain
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 1, 1000))
		reader := crowd.join(r, "slow")
		reader.open(c.Path())
		for n := 0; r.metric("deleted_unread_bytes_total") == 0; n++ {
			if n == 1000 {
				t.Fatal("it is never too slow")
			}
			r.must(c.Print("stdout", 10, 1000))
			if left := int64(5000); reader.take(left) < left {
				reader.next(c.Path())
			}
			r.pass(100 * time.Millisecond)
		}
		behind := float64(c.Written()["stdout"]-reader.lines) * 1000 / float64(100*kib)
		t.Logf("the first loss comes when it is %.2f files behind", behind)
		if least, most := float64(r.policy.MaxFilesUnread-2), float64(r.policy.MaxFilesUnread); behind < least || behind > most {
			t.Errorf("%.2f files, want %v to %v", behind, least, most)
		}
	})
}

// TestReadersCostNothingWithoutWork: nobody is looked for unless a file is to be
// compressed or removed, and not at all if readers do not come first.
func TestReadersCostNothingWithoutWork(t *testing.T) {
	withReaders(t, func(t *testing.T, r *rig, crowd *crowd) {
		r.policy.CompressAfter = time.Hour
		r.start()
		c := r.run("app")
		r.rotate(c, 2)
		r.pass(time.Minute)
		if crowd.looks != 0 {
			t.Errorf("%d looks while there was nothing to do", crowd.looks)
		}
		r.rotate(c, 1)
		r.pass(time.Minute)
		if crowd.looks != 1 {
			t.Errorf("%d looks for one file that had to go", crowd.looks)
		}
		r.setPolicy(policyOf(100*kib, 3, logfile.Gzip, 0))
		r.pass(time.Second)
		before := crowd.looks
		crowd.join(r, "ignored").open(c.Path())
		r.rotate(c, 5)
		r.pass(time.Minute)
		if crowd.looks != before {
			t.Errorf("%d looks where readers do not come first", crowd.looks-before)
		}
		if got := names(t, c.Path()); len(got) != 3 {
			t.Errorf("files %q", got)
		}
	})
}

// TestLooksAreShared: however many logs are rotated at once, and however long a look
// takes on a node with many processes, no more than a look a second is taken.
func TestLooksAreShared(t *testing.T) {
	withReaders(t, func(t *testing.T, r *rig, crowd *crowd) {
		crowd.took = 80 * time.Millisecond
		r.policy.MaxFiles = 2
		r.start()
		var all []*runtimetest.Container
		for n := range 30 {
			all = append(all, r.run(fmt.Sprint("app", n)))
		}
		began := time.Now()
		for range 5 {
			for _, c := range all {
				r.must(c.Print("stdout", 110, 1000))
			}
			r.pass(time.Second)
		}
		r.pass(lookPause)
		if most := int(time.Since(began)/time.Second) + 1; crowd.looks < 2 || crowd.looks > most {
			t.Errorf("%d looks, at most %d", crowd.looks, most)
		}
		for _, c := range all {
			if got := names(t, c.Path()); len(got) != 2 {
				t.Errorf("files %q", got)
			}
		}
	})
}

// TestBlindness: where nobody can tell who reads, files go by their number as ever, and
// it is said.
func TestBlindness(t *testing.T) {
	withReaders(t, func(t *testing.T, r *rig, crowd *crowd) {
		crowd.err = errors.New("no /proc here")
		r.start()
		c := r.run("app")
		r.rotate(c, 5)
		r.pass(lookAgain)
		if got := names(t, c.Path()); len(got) != 3 {
			t.Errorf("files %q", got)
		}
		if r.metric("failures_total", "readers") == 0 || r.said("cannot find out who reads") == 0 {
			t.Error("nothing is said of it")
		}
	})
}

// TestLag: how far each program is behind is told in bytes, per program and not per
// process, and for a bounded number of programs.
func TestLag(t *testing.T) {
	withReaders(t, func(t *testing.T, r *rig, crowd *crowd) {
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 20, 1000))
		for n := range 2 {
			slow := crowd.join(r, "slow")
			slow.open(c.Path())
			slow.take(int64(1000 * n))
		}
		r.rotate(c, 3)
		crowd.join(r, "quick").open(c.Path())
		r.pass(lookAgain)
		var all int64
		for _, size := range append(sizes(t, c.Path()), size(t, c.Path())) {
			all += size
		}
		if got, want := r.metric("reader_lag_bytes", "slow"), float64(2*all-1000); got != want {
			t.Errorf("slow is behind by %v, want %v", got, want)
		}
		if got, want := r.metric("reader_lag_bytes", "quick"), float64(size(t, c.Path())); got != want {
			t.Errorf("quick is behind by %v, want %v", got, want)
		}
		status := r.Status().Readers
		if len(status) != 2 || status[0].Name != "slow" || status[0].LagBytes != 2*all-1000 || status[0].Containers != 1 || status[0].Behind != 1 {
			t.Errorf("status %+v", status)
		}
		for n := range 40 {
			crowd.join(r, fmt.Sprint("one of many ", n)).open(c.Path())
		}
		crowd.join(r, "other").open(c.Path())
		r.pass(lookAgain)
		if got := len(r.Status().Readers); got != 20 {
			t.Errorf("%d readers are told of", got)
		}
		if got, want := r.metric("reader_lag_bytes"), float64(2*all-1000+42*size(t, c.Path())); got != want {
			t.Errorf("all are behind by %v, want %v", got, want)
		}
	})
}

// TestStoppedProcess: a real process that is stopped in the middle of a file is waited
// for, and goes on without having missed anything.
func TestStoppedProcess(t *testing.T) {
	withReaders(t, func(t *testing.T, r *rig, _ *crowd) {
		r.options.Readers = readers.New("/proc", ".log")
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 20, 1000))
		output := filepath.Join(t.TempDir(), "read")
		shell := exec.CommandContext(t.Context(), "sh", "-c", `
			exec 3<"$1" >"$2"
			dd bs=5000 count=1 <&3 2>/dev/null
			kill -STOP $$
			cat <&3
			kill -STOP $$`, "sh", c.Path(), output)
		r.must(shell.Start())
		stopped(t, shell)
		r.rotate(c, 5)
		r.pass(lookAgain)
		if got := plain(t, c); len(got) != 5 {
			t.Errorf("while it is stopped: plain files %q", got)
		}
		if lag := r.metric("reader_lag_bytes", "sh"); lag == 0 {
			t.Error("no lag is told")
		}
		first := size(t, filepath.Join(filepath.Dir(c.Path()), rotated(t, c.Path())[0]))
		r.must(shell.Process.Signal(unix.SIGCONT))
		stopped(t, shell)
		r.pass(lookAgain)
		if got := rotated(t, c.Path()); len(got) != 4 {
			t.Errorf("after it has read the oldest: files %q", got)
		}
		if got := size(t, output); got != first {
			t.Errorf("it has read %d of %d bytes", got, first)
		}
		r.must(shell.Process.Signal(unix.SIGCONT))
		r.must(shell.Wait())
		r.pass(longAbsence + lookAgain)
		if got := names(t, c.Path()); len(got) != 3 {
			t.Errorf("after it has ended: files %q", got)
		}
	})
}

// stopped waits until a process has stopped itself.
func stopped(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var status unix.WaitStatus
	if _, err := unix.Wait4(cmd.Process.Pid, &status, unix.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("it has not stopped but %#x: %v", status, err)
	}
}

func size(t *testing.T, file string) int64 {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

var _ logmgr.Readers = (*crowd)(nil)
