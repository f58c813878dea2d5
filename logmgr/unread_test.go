package logmgr_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/readers"
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
