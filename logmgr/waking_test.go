package logmgr_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// hasty is a doorbell of which some watches ring as soon as they are set.
type hasty struct {
	logmgr.Doorbell
	rings int // how many of the next do
}

func (b *hasty) Arm(path string, ring func()) error {
	err := b.Doorbell.Arm(path, ring)
	if err == nil && b.rings > 0 {
		b.rings--
		b.Disarm(path)
		ring()
	}
	return err
}

// TestRingWhileItFallsAsleep: a ring that comes when the log was found quiet and is not
// yet asleep is the only one that there will be.
func TestRingWhileItFallsAsleep(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		bell := &hasty{r.bell, 3}
		r.options.Doorbell = bell
		r.start()
		c := r.run("app")
		r.pass(10 * time.Second)
		if bell.rings != 0 || r.bell.Armed() != 1 {
			t.Errorf("%d rings are left, %d logs are watched", bell.rings, r.bell.Armed())
		}
		if !r.managed(c) {
			t.Error("the log is heard no longer")
		}
	})
}

// TestAwakeLogLooksAtOnce: who wakes a log that is being tended does not have to wait for
// its next look.
func TestAwakeLogLooksAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.bell.OnArm(func() error { return unix.ENOSPC }) // so that it is looked at once a second
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 10, 1000))
		r.pass(5*time.Second + 100*time.Millisecond)
		p := r.policy
		p.MaxSize = kib
		r.setPolicy(p)
		r.pass(50 * time.Millisecond)
		if got := c.Reopens(); got != 1 {
			t.Errorf("%d rotations at once by a new limit", got)
		}
	})
}

// TestExitsWhileItIsTended: a log that another rotator has moved when its container
// ended is put back also if it was awake then.
func TestExitsWhileItIsTended(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 10, 1000))
		r.pass(5 * time.Millisecond)
		if got := r.metric("logs_awake"); got != 1 {
			t.Fatalf("%v logs are awake", got)
		}
		r.must(os.Rename(c.Path(), c.Path()+aside))
		r.exit(c)
		r.pass(time.Second)
		if !exists(c.Path()) {
			t.Errorf("the log is missing among %q", names(t, c.Path()))
		}
		r.verify(c)
	})
}

// TestDirectoryIsUnfitTwice: how long a directory could not be opened says nothing about
// the next time.
func TestDirectoryIsUnfitTwice(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		dir, away := filepath.Dir(c.Path()), filepath.Join(filepath.Dir(r.dir), "away")
		for _, spoilt := range []time.Duration{5 * time.Minute, time.Second} {
			r.must(r.bell.Change(c.Path(), func() error { return os.RemoveAll(dir) }))
			r.must(os.Symlink(away, dir))
			r.pass(1200*time.Millisecond + spoilt)
			r.must(os.Remove(dir))
			r.pass(spoilt + 5*time.Second) // retries come as late again, at most
			if !exists(c.Path()) {
				t.Fatalf("the log is missing after the directory was unfit for %v", spoilt)
			}
			r.inPlace(c)
		}
	})
}
