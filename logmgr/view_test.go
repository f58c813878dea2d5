package logmgr_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// look returns what is known of the only log.
func (r *rig) look() logmgr.LogView {
	r.Helper()
	v, err := r.View(r.Context())
	r.must(err)
	if len(v.Logs) != 1 {
		r.Fatalf("%d logs are known, want 1", len(v.Logs))
	}
	return v.Logs[0]
}

// bytesIn is the size of all plain files of a log.
func bytesIn(t *testing.T, log string) (sum int64) {
	t.Helper()
	for _, name := range names(t, log) {
		info, err := os.Stat(filepath.Join(filepath.Dir(log), name))
		if err != nil {
			t.Fatal(err)
		}
		sum += info.Size()
	}
	return sum
}

// The view counts every byte that is written, over rotations, sleep and the end of an
// attempt, and none twice: lost with a wrong file at a swap, or with a pace that was reset.
func TestViewCountsWhatIsWritten(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		for _, rate := range []int64{20 * kib, 3 * mib, 10 * mib} {
			r.print(c, rate, 2*time.Second)
			r.pass(3 * time.Second) // it sleeps
		}
		v := r.look()
		if want := bytesIn(t, c.Path()); v.BytesWritten != want {
			t.Errorf("%d bytes were written, the files hold %d", v.BytesWritten, want)
		}
		if want := len(rotated(t, c.Path())); v.Rotations != int64(want) || want == 0 || v.LastRotation.IsZero() {
			t.Errorf("%d rotations at %v, there are %d files", v.Rotations, v.LastRotation, want)
		}
		if v.NotManaged != "" || v.Overshoot <= 0.5 || v.LastWrite.IsZero() || v.State != logmgr.StateRunning {
			t.Errorf("got %+v", v)
		}
		before := v.Rotations
		r.exit(c)
		r.pass(time.Second)
		again := r.facts("app")
		again.ID, again.Attempt, again.LogPath = "idagain", 1, "app/1.log"
		next := r.behind(again)
		r.Created(again)
		r.Started(again.ID, false)
		r.must(next.Print("stdout", 10, 1000))
		r.remove(c)
		r.pass(5 * time.Second)
		v = r.look()
		if want := bytesIn(t, c.Path()); v.BytesWritten != want || v.Rotations != before || v.ID != "idagain" || v.Attempt != 1 {
			t.Errorf("after a restart %d bytes and %d rotations of %s, want %d and %d", v.BytesWritten, v.Rotations, v.ID, want, before)
		}
	})
}

// What a log held before the daemon knew it was not written since, and is on disk.
func TestViewOfLogsFromBefore(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		c := r.behind(r.facts("app"))
		r.must(c.Print("stdout", 100, 1000))
		r.start()
		r.pass(5 * time.Second)
		v := r.look()
		size := bytesIn(t, c.Path())
		if v.BytesWritten != 0 || v.BytesPerSecond != 0 || v.CurrentBytes == nil || *v.CurrentBytes != size {
			t.Errorf("got %+v, want nothing written and a file of %d bytes", v, size)
		}
		if v.Files == nil || *v.Files != 1 || v.DiskBytes == nil || *v.DiskBytes < size {
			t.Errorf("got %+v, want one file of %d bytes on disk", v, size)
		}
		r.must(c.Print("stdout", 100, 1000))
		r.pass(5 * time.Second)
		if got := r.look().BytesWritten; got != bytesIn(t, c.Path())-size {
			t.Errorf("%d bytes were written, want %d", got, bytesIn(t, c.Path())-size)
		}
	})
}

// The rate that people see is that of the writer, whatever looks at the log, and is gone when
// the writer is: a log that sleeps is looked at by nobody.
func TestViewShowsTheRate(t *testing.T) {
	for _, rate := range []int64{kib * 20, mib * 2} {
		bubble(t, func(t *testing.T, r *rig) {
			r.start()
			c := r.run("app")
			r.grow(c, rate, 10*time.Second)
			if got := r.look().BytesPerSecond; got < rate*8/10 || got > rate*12/10 {
				t.Errorf("%d bytes per second, the writer has %d", got, rate)
			}
			if v, err := r.View(t.Context()); err != nil || v.Active != 1 {
				t.Errorf("%d logs are active: %v", v.Active, err)
			}
			r.pass(time.Minute)
			if got := r.look().BytesPerSecond; got != 0 {
				t.Errorf("%d bytes per second a minute after the last write", got)
			}
		})
	}
}

// What lies on disk is told as it is, after compression and removal too.
func TestViewShowsTheDisk(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy = logmgr.Policy{MaxSize: 100 * kib, MaxFiles: 4, Compression: logfile.Gzip}
		r.start()
		c := r.run("app")
		r.print(c, 500*kib, 4*time.Second)
		r.pass(30 * time.Second)
		var disk int64
		for _, name := range names(t, c.Path()) {
			disk += diskOf(t, filepath.Join(filepath.Dir(c.Path()), name))
		}
		v := r.look()
		if want := len(names(t, c.Path())); v.Files == nil || *v.Files != want || want != 4 || *v.DiskBytes != disk {
			t.Errorf("got %+v, want %d files of %d bytes", v, want, disk)
		}
		if v.PackedFrom <= v.PackedTo || v.PackedTo == 0 {
			t.Errorf("%d bytes were packed into %d", v.PackedFrom, v.PackedTo)
		}
	})
}

// Whoever is not managed is there, with the reason.
func TestViewTellsWhyNot(t *testing.T) {
	for want, change := range map[string]func(*logmgr.Container){
		"its output is thrown away": func(c *logmgr.Container) { c.LogPath = "" },
		"lies outside podLogsDir":   func(c *logmgr.Container) { c.LogDirectory = "/elsewhere" },
	} {
		bubble(t, func(t *testing.T, r *rig) {
			r.start()
			facts := r.facts("app")
			change(&facts)
			r.Created(facts)
			r.pass(time.Second)
			v, err := r.View(t.Context())
			r.must(err)
			if len(v.Logs) != 1 || !strings.Contains(v.Logs[0].NotManaged, want) || v.Logs[0].Pod != "pod" {
				t.Errorf("got %+v, want one log with the reason %q", v.Logs, want)
			}
		})
	}
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		c.Script(runtimetest.Refuse(), runtimetest.Refuse(), runtimetest.Refuse())
		r.print(c, 2*mib, time.Second)
		if v := r.look(); !strings.Contains(v.LastError, "refuse") {
			t.Errorf("the last error is %q", v.LastError)
		}
	})
}
