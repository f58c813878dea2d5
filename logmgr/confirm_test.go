package logmgr_test

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// annotated says how logs are held by an annotation of the pod: "few" files or many.
func (r *rig) annotated() {
	s := r.options.Settings
	s.PolicyOf = func(c logmgr.Container) logmgr.Policy {
		p := logmgr.Policy{MaxSize: 100 * kib, MaxFiles: 6}
		if c.PodAnnotations["files"] == "few" {
			p.MaxFiles = 2
		}
		return p
	}
	r.Configure(s)
}

// TestAnnotationsOfTheSandbox: a pod's annotations are those that the runtime has of its
// sandbox, whatever the call said that made the container, before a restart and after it.
// What they ask for is not done to the files of an earlier attempt before they are known
// to be the runtime's.
func TestAnnotationsOfTheSandbox(t *testing.T) {
	for name, test := range map[string]struct {
		sandbox, call string
		files         int // rotated ones
	}{
		"the call asks for less": {sandbox: "many", call: "few", files: 5},
		"the call asks for more": {sandbox: "few", call: "many", files: 1},
		"both the same":          {sandbox: "few", call: "few", files: 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				facts := r.facts("app")
				facts.PodAnnotations = map[string]string{"files": test.sandbox}
				c := r.behind(facts)
				var asked atomic.Int64
				r.fake.OnStatus(func(context.Context, string) error {
					if asked.Add(1) <= 2 {
						return errors.New("not now")
					}
					return nil
				})
				check := func(when string) {
					r.rotate(c, 8)
					r.pass(lookAgain)
					if got := rotated(t, c.Path()); len(got) != test.files {
						t.Errorf("%s it has the rotated files %q, want %d", when, got, test.files)
					}
				}
				r.start()
				r.annotated()
				told := facts
				told.PodAnnotations = map[string]string{"files": test.call}
				r.Created(told)
				r.Started(c.ID(), false)
				r.pass(time.Minute)
				if got := r.said("cannot learn"); got > 1 {
					t.Errorf("told %d times that it is not managed", got)
				}
				check("before the restart")
				r.stop()
				r.start()
				r.annotated()
				r.pass(time.Minute)
				check("after the restart")
				r.newestLines(c)
			})
		})
	}
}

// TestUnconfirmedRemovesNothing: while the runtime does not tell what its sandbox has, a
// later attempt's stricter annotations remove nothing of what is there.
func TestUnconfirmedRemovesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.annotated()
		first := r.run("app")
		r.rotate(first, 8)
		r.exit(first)
		r.pass(time.Minute)
		before := len(names(t, first.Path()))
		r.fake.OnStatus(func(context.Context, string) error { return errors.New("not now") })
		next := r.facts("app")
		next.ID, next.Attempt, next.LogPath = "second", 1, "app/1.log"
		second := r.behind(next)
		next.PodAnnotations = map[string]string{"files": "few"}
		r.Created(next)
		r.Started(second.ID(), false)
		r.pass(time.Minute)
		if got := names(t, first.Path()); len(got) < before {
			t.Errorf("of %d files %d are left: %q", before, len(got), got)
		}
		r.fake.OnStatus(nil)
		r.pass(time.Minute)
		if _, err := os.Stat(second.Path()); err != nil {
			t.Error(err)
		}
		if got := rotated(t, first.Path()); len(got) == 0 {
			t.Error("what the sandbox says keeps files of the first attempt, and none is left")
		}
	})
}

// TestReusedAttempt: of two attempts with one number the one that has not ended is the
// later, in whichever order they become known.
func TestReusedAttempt(t *testing.T) {
	for range 10 { // the order is the map's
		bubble(t, func(t *testing.T, r *rig) {
			old := r.facts("app")
			old.ID, old.PodAnnotations = "old", map[string]string{"files": "few"}
			ended := r.behind(old)
			r.must(ended.Exit())
			current := r.facts("app")
			current.PodAnnotations = map[string]string{"files": "many"}
			c := r.behind(current)
			r.start()
			r.annotated()
			r.pass(time.Second)
			r.rotate(c, 8)
			r.pass(lookAgain)
			if got := rotated(t, c.Path()); len(got) != 5 {
				t.Errorf("it has the rotated files %q, want 5", got)
			}
		})
	}
}
