package logmgr_test

import (
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// ageRig is a rig of logs that are rotated once a day, long before they are full.
func ageRig(t *testing.T, f func(r *rig)) {
	t.Helper()
	bubble(t, func(_ *testing.T, r *rig) {
		r.policy.MaxAge = 24 * time.Hour
		f(r)
	})
}

// wantRotations makes sure that so many rotated files are there, and every line.
func (r *rig) wantRotations(c *runtimetest.Container, n int) {
	r.Helper()
	if got := rotated(r.T, c.Path()); len(got) != n {
		r.Errorf("rotated %q, want %d files", got, n)
	}
	r.verify(c)
}

// TestSleepingLogIsRotatedAtItsAge: without a look in between, and only if something
// is in it.
func TestSleepingLogIsRotatedAtItsAge(t *testing.T) {
	ageRig(t, func(r *rig) {
		r.start()
		c, empty := r.run("app"), r.run("empty")
		r.must(c.Print("stdout", 1, 100))
		r.pass(24*time.Hour - 10*time.Millisecond)
		r.wantRotations(c, 0)
		if r.bell.Armed() != 2 {
			t.Error("the logs do not sleep")
		}
		r.pass(time.Second)
		r.wantRotations(c, 1)
		r.pass(10 * 24 * time.Hour)
		r.wantRotations(c, 1)
		r.wantRotations(empty, 0)
		r.inPlace(c)
	})
}

// TestLineAfterSilenceIsNotRotatedAlone: it has its day, and what follows goes with it.
func TestLineAfterSilenceIsNotRotatedAlone(t *testing.T) {
	ageRig(t, func(r *rig) {
		r.start()
		c := r.run("app")
		r.pass(100 * time.Hour)
		for range 12 {
			r.must(c.Print("stdout", 1, 100))
			r.pass(time.Hour)
		}
		r.wantRotations(c, 0)
		r.pass(13 * time.Hour)
		r.wantRotations(c, 1)
	})
}

// TestBusyLogIsRotatedAtItsAge: a log that never sleeps has one file for each day.
func TestBusyLogIsRotatedAtItsAge(t *testing.T) {
	ageRig(t, func(r *rig) {
		r.policy.MaxAge, r.policy.MaxSize = time.Minute, 10*mib
		r.start()
		c := r.run("app")
		r.print(c, 50e3, 10*time.Minute+10*time.Second)
		r.wantRotations(c, 10)
	})
}

// TestAgeOutlivesARestart: the file system knows when the file was made.
func TestAgeOutlivesARestart(t *testing.T) {
	ageRig(t, func(r *rig) {
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 1, 100))
		for range 5 {
			r.pass(4 * time.Hour)
			r.stop()
			r.start()
		}
		r.pass(4*time.Hour - time.Minute)
		r.wantRotations(c, 0)
		r.pass(2 * time.Minute)
		r.wantRotations(c, 1)
	})
}

// TestAgeOfANewPolicy: it counts for files of before, too, and may be lifted.
func TestAgeOfANewPolicy(t *testing.T) {
	ageRig(t, func(r *rig) {
		r.policy.MaxAge = 0
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 1, 100))
		r.pass(48 * time.Hour)
		r.wantRotations(c, 0)
		p := r.policy
		p.MaxAge = 24 * time.Hour
		r.setPolicy(p)
		r.pass(time.Second)
		r.wantRotations(c, 1)
		r.must(c.Print("stdout", 1, 100))
		r.pass(time.Hour)
		p.MaxAge = 0
		r.setPolicy(p)
		r.pass(100 * time.Hour)
		r.wantRotations(c, 1)
	})
}

// TestAgeBelowASecond makes no hot loop.
func TestAgeBelowASecond(t *testing.T) {
	ageRig(t, func(r *rig) {
		r.policy.MaxAge = 1
		r.start()
		c := r.run("app")
		r.print(c, 50e3, 20*time.Second)
		if got := c.Reopens(); got < 18 || got > 20 {
			t.Errorf("%d rotations in 20 s", got)
		}
	})
}

// TestAgeIsRefused: a rotation at the age that fails is tried again.
func TestAgeIsRefused(t *testing.T) {
	ageRig(t, func(r *rig) {
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 1, 100))
		c.Script(runtimetest.Refuse(), runtimetest.Refuse(), runtimetest.Refuse())
		r.pass(24*time.Hour + 10*time.Second)
		r.wantRotations(c, 1)
	})
}
