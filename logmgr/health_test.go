package logmgr_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// TestBeatDependsOnNothing: the scheduler answers while the runtime and the files
// are stuck, and Trouble names what is.
func TestBeatDependsOnNothing(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c, asleep := r.run("app"), r.run("asleep")
		release := make(chan struct{})
		stuck := func(context.Context) error { <-release; return nil }
		r.fake.OnList(stuck)
		r.bell.OnArm(func() error { return stuck(nil) }) // as a look at a file on a dead disk
		r.must(asleep.Print("stdout", 1, 100))
		c.Script(runtimetest.Hang(release))
		r.must(c.Print("stdout", 1100, 1000))
		for range 40 {
			r.pass(time.Second)
			ctx, cancel := context.WithTimeout(r.Context(), time.Millisecond)
			if err := r.Beat(ctx); err != nil {
				t.Error(err)
			}
			cancel()
		}
		trouble := strings.Join(r.Trouble(), "\n")
		for _, want := range []string{"stuck for", "reopen " + c.Path(), "watch " + asleep.Path()} {
			if !strings.Contains(trouble, want) {
				t.Errorf("trouble %q does not tell of %q", trouble, want)
			}
		}
		if got := r.metric("stuck_operations"); got != 2 {
			t.Errorf("%v stuck operations", got)
		}
		if n := r.said("work on logs is stuck, and waits"); n != 1 {
			t.Errorf("the log says %d times that something is stuck", n)
		}
		r.fake.OnList(nil)
		r.bell.OnArm(nil)
		close(release)
		r.pass(10 * time.Second)
		if trouble := r.Trouble(); len(trouble) > 0 {
			t.Errorf("trouble afterwards: %q", trouble)
		}
		if n := r.said("no work on logs is stuck any more"); n != 1 {
			t.Errorf("the log says %d times that nothing is stuck any more", n)
		}
		r.verify(c)
	})
}

// TestBeatWithoutRun: who does not run does not answer.
func TestBeatWithoutRun(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		if err := r.Beat(r.Context()); err != nil {
			t.Error(err)
		}
		r.stop()
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		if err := r.Beat(ctx); err == nil || !strings.Contains(err.Error(), "does not answer") {
			t.Errorf("Beat after Run has ended: %v", err)
		}
	})
}
