package logmgr_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// managed tells whether a container's log is held to its limit.
func (r *rig) managed(c *runtimetest.Container) bool {
	r.Helper()
	before := c.Reopens()
	r.must(c.Print("stdout", 1100, 1000))
	r.pass(time.Second)
	return c.Reopens() > before
}

func TestReconcile(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		before := r.behind(r.facts("before"))
		r.start()
		r.pass(4900 * time.Millisecond)
		if !r.managed(before) {
			t.Error("a container that ran before is not managed within 5 s")
		}
		behind := r.behind(r.facts("behind"))
		r.pass(5100 * time.Millisecond)
		if !r.managed(behind) {
			t.Error("a container made behind our back is not managed after a period")
		}
		hurry := r.behind(r.facts("hurry"))
		r.Reconcile()
		r.pass(50 * time.Millisecond)
		if !r.managed(hurry) {
			t.Error("a container is not managed after Reconcile")
		}
		started := r.behind(r.facts("started"))
		r.Started(started.ID(), false) // its creation went past us
		r.pass(50 * time.Millisecond)
		if !r.managed(started) {
			t.Error("a container of unknown origin is not managed after its start")
		}
		// One that ends by itself in the middle of a rotation is put in order.
		r.must(before.Exit())
		r.must(os.Rename(before.Path(), before.Path()+aside))
		// One vanishes; its files stay.
		r.rotate(behind, 2)
		files := len(names(t, behind.Path()))
		r.must(r.fake.Remove(behind.ID()))
		r.pass(6 * time.Second)
		if got := r.metric("logs_managed"); got != 3 {
			t.Errorf("%v logs are managed", got)
		}
		if got := len(names(t, behind.Path())); got != files {
			t.Errorf("%d of %d files are left of one that has vanished", got, files)
		}
		for _, c := range []*runtimetest.Container{before, behind, hurry, started} {
			r.verify(c)
		}
		r.inPlace(hurry)
		if !exists(before.Path()) {
			t.Error("the log of the exited one is missing")
		}
	})
}

// TestListFails: nothing is forgotten, and all is made up for afterwards.
func TestListFails(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		known := r.behind(r.facts("known"))
		r.start()
		r.pass(time.Second)
		r.fake.OnList(func(context.Context) error { return errors.New("unavailable") })
		late := r.behind(r.facts("late"))
		r.pass(time.Minute)
		if !r.managed(known) || r.managed(late) {
			t.Error("a failed list was believed")
		}
		if got := r.said("cannot list"); got != 1 {
			t.Errorf("said %d times that lists fail", got)
		}
		r.fake.OnList(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		r.pass(time.Minute)
		r.fake.OnList(nil)
		r.pass(16 * time.Second)
		if !r.managed(late) {
			t.Error("not managed after the lists have come back")
		}
		if got := r.metric("failures_total", "list"); got < 10 {
			t.Errorf("%v failures are counted", got)
		}
	})
}

// TestStaleAnswers: a list or status that was asked for before something happened,
// and arrives after it, changes nothing.
func TestStaleAnswers(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		stopped, removed, created := r.run("stopped"), r.run("removed"), r.facts("created")
		r.pass(3 * time.Second)
		asked, release := make(chan struct{}), make(chan struct{})
		r.fake.OnList(func(context.Context) error {
			asked <- struct{}{}
			<-release
			return nil
		})
		r.Reconcile()
		<-asked // the list is made, and it is old from now on
		r.pass(time.Second)
		r.exit(stopped)
		r.remove(removed)
		c := r.behind(created)
		r.Created(created)
		r.Started(c.ID(), false)
		r.pass(time.Second)
		r.fake.OnList(func(context.Context) error { return errors.New("no newer list") })
		close(release)
		r.pass(10 * time.Second)
		if got := r.bell.Armed(); got != 1 {
			t.Errorf("%d logs are watched, but one container runs", got)
		}
		if got := r.metric("logs_managed"); got != 2 {
			t.Errorf("%v logs are managed", got)
		}
		if !r.managed(c) {
			t.Error("a container that is not on the old list was forgotten")
		}
		if got := len(stopped.Asked()) + len(removed.Asked()); got != 0 {
			t.Errorf("%d reopens of containers that do not run", got)
		}
	})
}

// TestOnePath: of two running containers with one log path the first is managed;
// the second is when the first has ended.
func TestOnePath(t *testing.T) {
	for name, end := range map[string]func(r *rig, c *runtimetest.Container){
		"stopped": (*rig).exit,
		"removed": (*rig).remove,
		"ended by itself": func(r *rig, c *runtimetest.Container) {
			r.must(c.Exit())
			r.pass(6 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.start()
				first := r.run("app")
				facts := r.facts("app")
				facts.ID = "idsecond"
				second := r.behind(facts)
				r.Created(facts)
				r.Started(second.ID(), false)
				r.pass(10 * time.Second)
				if all, one := r.metric("containers_not_managed_total"), r.metric("containers_not_managed_total", `"path_taken"`); all != 1 || one != 1 {
					t.Errorf("%v refusals are counted, %v for the path", all, one)
				}
				if !r.managed(first) || len(second.Asked()) > 0 {
					t.Errorf("%d reopens of the first, %d of the second", len(first.Asked()), len(second.Asked()))
				}
				r.must(r.fake.ReopenLog(r.Context(), second.ID())) // it was left with the old file
				end(r, first)
				r.pass(time.Second)
				if !r.managed(second) {
					t.Error("the second is not managed after the first has ended")
				}
				if got := r.metric("logs_managed"); got != 1 {
					t.Errorf("%v logs are managed", got)
				}
			})
		})
	}
}

// TestAttemptNumberIsReused: an exited container and a running one share a path;
// what becomes of the old one is nothing to the log.
func TestAttemptNumberIsReused(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		first := r.run("app")
		r.must(first.Print("stdout", 10, 1000))
		r.rotate(first, 2)
		r.exit(first)
		r.pass(time.Second)
		facts := r.facts("app")
		facts.ID, facts.SandboxID = "idsecond", "sandbox-second"
		second := r.behind(facts)
		r.Created(facts)
		r.Started(second.ID(), false)
		r.pass(time.Second)
		if !r.managed(second) {
			t.Error("the running one is not managed")
		}
		files := len(names(t, second.Path()))
		r.Stopped(first.ID())
		r.remove(first)
		r.SandboxRemoved(first.Facts().SandboxID)
		r.pass(10 * time.Second)
		if got := len(names(t, second.Path())); got != files {
			t.Errorf("%d of %d files are left", got, files)
		}
		if !r.managed(second) {
			t.Error("the running one is not managed after the removal of the old one")
		}
		r.inPlace(second)
	})
}

func TestSandboxRemoved(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		gone, other := r.run("gone"), r.run("other")
		r.must(r.fake.Remove(gone.ID()))
		r.SandboxRemoved(gone.Facts().SandboxID)
		r.pass(100 * time.Millisecond)
		if got := r.metric("logs_managed"); got != 1 || !r.managed(other) {
			t.Errorf("%v logs are managed", got)
		}
	})
}
