package logmgr

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// shown is what a meter tells now.
func (m *meter) shown() (v LogView) {
	m.show(&v, time.Now())
	return v
}

// A clock that was set back, and a rotation of a smaller file, take nothing back.
func TestMeterKeepsTheMost(t *testing.T) {
	var m meter
	late := time.Unix(1000, 0)
	m.grow(time.Now(), 1, time.Second, late)
	m.grow(time.Now(), 1, time.Second, late.Add(-time.Minute))
	m.rotate(late, 1.5)
	m.rotate(late, 1.1)
	if v := m.shown(); !v.LastWrite.Equal(late) || v.Overshoot != 1.5 || v.BytesWritten != 2 || v.Rotations != 2 {
		t.Errorf("shown is %+v", v)
	}
}

// A log that wakes after a long sleep grows by what has just come, and not by its share of the sleep.
func TestMeterOfALogThatWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m meter
		m.grow(time.Now(), 1<<20, time.Hour, time.Now())
		if rate := m.shown().BytesPerSecond; rate < 1<<18 || rate > 1<<20 {
			t.Errorf("it grows by %d bytes a second", rate)
		}
		time.Sleep(longestLook) // until the next look that is no silence
		if rate := m.shown().BytesPerSecond; rate < 1<<18 {
			t.Errorf("before it is looked at again it grows by %d bytes a second", rate)
		}
		time.Sleep(time.Minute)
		if v := m.shown(); v.BytesPerSecond != 0 || v.active {
			t.Errorf("after a minute of silence it grows by %d bytes a second", v.BytesPerSecond)
		}
	})
}

// What went wrong is told until it is done well, and not for ever.
func TestMeterForgetsMishaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m meter
		told := func(want string) {
			t.Helper()
			if got := m.shown().LastError; got != want {
				t.Errorf("told is %q, want %q", got, want)
			}
		}
		m.err("rotate", errors.New("no space"))
		told("rotate: no space")
		m.rotate(time.Now(), 1)
		told("")
		m.err("rotate", errors.New("no space"))
		time.Sleep(mishapFor)
		told("")
	})
}

// Everything that lies in the directory takes space, whoever it belongs to; what is written to is
// weighed at each look, and is not counted here.
func TestMeterCountsAllFiles(t *testing.T) {
	file := func(disk int64) logfile.File { return logfile.File{Info: logfile.Info{Disk: disk}} }
	current, last, kept := file(1), file(20), file(40_000)
	var m meter
	m.count(
		[]logfile.Log{
			{Name: "0.log", Current: &last, Rotated: []logfile.File{file(300)}},
			{Name: "1.log", Current: &current, Temporary: []logfile.File{file(4_000)}, Foreign: []logfile.File{file(500_000)}},
		},
		[]logfile.Log{{Name: "1.log", Current: &kept}},
		map[string]bool{"1.log": true},
	)
	if v := m.shown(); *v.DiskBytes != 544_320 || *v.Files != 5 {
		t.Errorf("%d bytes in %d files", *v.DiskBytes, *v.Files)
	}
	m.free(freed{bytes: 1 << 30, inodes: 100})
	if v := m.shown(); *v.DiskBytes != 0 || *v.Files != 0 {
		t.Errorf("after all has gone: %d bytes in %d files", *v.DiskBytes, *v.Files)
	}
}
