package logmgr_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// TestPanicInRuntime: whatever the runtime's client does, the process lives, other
// logs are cared for, and this one is taken up again.
func TestPanicInRuntime(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		c := r.behind(r.facts("app"))
		panics := func() { panic("as scripted") }
		r.fake.OnStatus(func(context.Context, string) error { panics(); return nil })
		r.start()
		r.pass(20 * time.Second)
		r.fake.OnStatus(nil)
		r.pass(6 * time.Second)
		r.fake.OnList(func(context.Context) error { panics(); return nil })
		r.pass(20 * time.Second)
		other := r.run("other")
		c.Script(runtimetest.Fault{Before: panics}, runtimetest.Fault{Swap: true, After: panics})
		r.print(c, 200e3, 20*time.Second)
		if !r.managed(other) {
			t.Error("the other log is not managed")
		}
		r.print(c, 200e3, 20*time.Second)
		r.verify(c)
		r.verify(other)
		r.inPlace(c)
		if got := r.metric("panics_total"); got < 5 || got > 100 {
			t.Errorf("%v panics are counted", got)
		}
		r.fake.OnList(nil)
		late := r.behind(r.facts("late"))
		r.pass(6 * time.Second)
		if !r.managed(late) {
			t.Error("nobody reconciles any longer")
		}
	})
}

// TestPanicInDoorbell: a log that cannot be put to sleep is looked at all the same.
func TestPanicInDoorbell(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.bell.OnArm(func() error { panic("as scripted") })
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 10, 1000))
		r.pass(10 * time.Minute)
		if got := r.metric("panics_total"); got < 2 || got > 1000 {
			t.Errorf("%v panics in ten minutes", got)
		}
		if !r.managed(c) {
			r.pass(time.Minute)
		}
		if c.Reopens() != 1 {
			t.Errorf("%d rotations", c.Reopens())
		}
		r.bell.OnArm(nil)
		r.pass(2 * time.Minute)
		if r.bell.Armed() != 1 || !r.managed(c) {
			t.Error("the log is not asleep, or cannot be woken")
		}
		r.verify(c)
	})
}

// TestPanicInRedirector: links are made as soon as that can be done.
func TestPanicInRedirector(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.options.Runtime = panickingRedirector{runtime}
		r.start()
		c := r.run("app")
		r.pass(10 * time.Second)
		if got := r.metric("panics_total"); got < 2 || got > 10 {
			t.Errorf("%v panics are counted", got)
		}
		if err := r.Beat(r.Context()); err != nil {
			t.Error(err)
		}
		r.remove(c)
		r.pass(time.Second)
	})
}

type panickingRedirector struct{ *runtimetest.Redirecting }

func (panickingRedirector) Redirect(context.Context, string) (logmgr.Redirection, error) {
	panic("as scripted")
}

// clockThatPanics has whatever asks for the time panic while the answer is set. It is called before
// the rig's start.
func (r *rig) clockThatPanics() *atomic.Bool {
	var panics atomic.Bool
	now := r.options.Now
	r.options.Now = func() time.Time {
		if panics.Load() {
			panic("as scripted")
		}
		return now()
	}
	return &panics
}
