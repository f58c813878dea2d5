package logmgr_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// rigid is a runtime that writes at the log path, and cannot reopen a log until it can.
type rigid struct {
	*runtimetest.Fake
	asked atomic.Int64
	can   atomic.Bool
}

func (f *rigid) ReopenLog(ctx context.Context, id string) error {
	f.asked.Add(1)
	if f.can.Load() {
		return f.Fake.ReopenLog(ctx, id)
	}
	return fmt.Errorf("container %q: %w", id, logmgr.ErrCannotReopen)
}

func withRigid(t *testing.T, f func(t *testing.T, r *rig, runtime *rigid)) {
	t.Helper()
	bubble(t, func(t *testing.T, r *rig) {
		runtime := &rigid{Fake: r.fake}
		r.options.Runtime = runtime
		f(t, r, runtime)
	})
}

// TestRuntimeThatCannotReopen: that is found out once and said once. No log is renamed after
// that, however full or old, none loses a line, and a runtime that can is made use of when
// the connection is made anew.
func TestRuntimeThatCannotReopen(t *testing.T) {
	withRigid(t, func(t *testing.T, r *rig, runtime *rigid) {
		r.policy.MaxAge = 10 * time.Second
		r.start()
		var all []*runtimetest.Container
		for i := range 10 {
			c := r.run(fmt.Sprint("app", i))
			r.must(c.Print("stdout", 1100*(i%2)+10, 1000)) // half of them beyond their limit
			r.pass(time.Second)
			all = append(all, c)
		}
		r.pass(10 * time.Second)
		if got := runtime.asked.Load(); got != 1 {
			t.Errorf("asked %d times, one after the other", got)
		}
		failures, arms := r.metric("failures_total"), r.bell.Arms()
		for range 59 {
			for _, c := range all {
				r.must(c.Print("stdout", 50, 1000))
			}
			r.pass(time.Minute)
		}
		if got := runtime.asked.Load(); got != 1 {
			t.Errorf("asked %d times in an hour", got)
		}
		if got := r.Trouble(); len(got) != 1 || !strings.Contains(got[0], "cannot reopen") {
			t.Errorf("in trouble for %q", got)
		}
		if got := r.metric("failures_total"); got != failures {
			t.Errorf("%v more failures", got-failures)
		}
		if got := r.bell.Arms() - arms; got > 59*len(all)*2 {
			t.Errorf("armed %d times for %d writes", got, 59*len(all))
		}
		if got := r.said("cannot reopen logs"); got != 1 {
			t.Errorf("said %d times", got)
		}
		if got := r.said("refuses"); got != 0 {
			t.Errorf("%d complaints of refusals", got)
		}
		for _, c := range all {
			if got := names(t, c.Path()); len(got) != 1 {
				t.Errorf("files %q", got)
			}
			r.grows(c)
			r.verify(c)
		}
		if got := r.metric("logs_managed"); got != 0 {
			t.Errorf("%v logs are said to be held to their limit", got)
		}

		r.Reconnected() // it is the same one
		r.pass(2 * time.Minute)
		if got := runtime.asked.Load(); got < 2 || got > 1+int64(len(all)) {
			t.Errorf("asked %d times after it has come back", got)
		}
		if got := r.said("cannot reopen logs"); got != 2 {
			t.Errorf("said %d times after it has come back", got)
		}
		runtime.can.Store(true)
		r.Reconnected()
		r.pass(time.Minute + 2*time.Second)
		for _, c := range all {
			if c.Reopens() == 0 {
				t.Errorf("%s: not rotated by a runtime that can", c.ID())
			}
			r.verify(c)
		}
	})
}

// TestManyAtOnceCannotBeReopened: many full logs at a start are renamed once each at most,
// and all of them are in their place again.
func TestManyAtOnceCannotBeReopened(t *testing.T) {
	withRigid(t, func(t *testing.T, r *rig, runtime *rigid) {
		const logs = 50
		var all []*runtimetest.Container
		for i := range logs {
			c := r.behind(r.facts(fmt.Sprint("app", i)))
			r.must(c.Grow(mib + kib))
			all = append(all, c)
		}
		r.start()
		r.pass(10 * time.Minute)
		if got := runtime.asked.Load(); got > logs {
			t.Errorf("asked %d times for %d logs", got, logs)
		}
		if got := r.said("cannot reopen logs"); got != 1 {
			t.Errorf("said %d times", got)
		}
		if got := r.metric("logs_awake"); got != 0 {
			t.Errorf("%v quiet logs are awake", got)
		}
		for _, c := range all {
			if got := names(t, c.Path()); len(got) != 1 {
				t.Errorf("files %q", got)
			}
			r.grows(c)
		}
	})
}

// grows makes sure that a container writes to its log's path.
func (r *rig) grows(c *runtimetest.Container) {
	r.Helper()
	before, err := os.Stat(c.Path())
	r.must(err)
	r.must(c.Print("stdout", 1, 100))
	after, err := os.Stat(c.Path())
	r.must(err)
	if !os.SameFile(before, after) || after.Size() != before.Size()+100 {
		r.Errorf("%s: the container does not write to its log's path", c.ID())
	}
}

// TestRenamedUnderARuntimeThatCannotReopen: a log that a crash has left between its two
// names goes back to its place, whether that the runtime cannot reopen was known before or
// not, and none of its lines is lost.
func TestRenamedUnderARuntimeThatCannotReopen(t *testing.T) {
	for _, known := range []bool{false, true} {
		t.Run(fmt.Sprint("known: ", known), func(t *testing.T) {
			withRigid(t, func(t *testing.T, r *rig, runtime *rigid) {
				if known {
					r.must(r.behind(r.facts("first")).Print("stdout", 1100, 1000))
					r.start()
					r.pass(time.Second)
				}
				running, ended := r.behind(r.facts("running")), r.behind(r.facts("ended"))
				for _, c := range []*runtimetest.Container{running, ended} {
					r.must(c.Print("stdout", 100, 100))
					r.must(os.Rename(c.Path(), c.Path()+aside))
					r.must(c.Print("stdout", 100, 100))
				}
				r.must(ended.Exit())
				if !known {
					r.start()
				}
				r.pass(20 * time.Second)
				for _, c := range []*runtimetest.Container{running, ended} {
					if got := names(t, c.Path()); len(got) != 1 || got[0] != "0.log" {
						t.Errorf("%s: files %q", c.ID(), got)
					}
					r.verify(c)
				}
				r.inPlace(running)
				if got := runtime.asked.Load(); got > 1 {
					t.Errorf("asked %d times", got)
				}
			})
		})
	}
}

// TestOthersReopenIsRefused: what the runtime answers to somebody else's reopen is learned
// without a question of ours, and only from one of a log that is at its path.
func TestOthersReopenIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.start()
		away, _ := r.runElsewhere(runtime, "away")
		runtime.Default = logmgr.Redirection{}
		here := r.run("here")
		r.pass(time.Second)
		for i, c := range []*runtimetest.Container{away, here} {
			_, done := r.BeginReopen(r.Context(), c.ID())
			done(fmt.Errorf("as scripted: %w", logmgr.ErrCannotReopen))
			r.pass(time.Millisecond)
			if said, held := r.said("cannot reopen logs"), r.metric("logs_managed"); said != i || held != float64(1-i) {
				t.Errorf("%s: said %d times, and %v logs are held to their limit", c.ID(), said, held)
			}
		}
		r.must(here.Print("stdout", 2000, 1000))
		r.pass(10 * time.Second)
		if got := len(here.Asked()); got != 0 {
			t.Errorf("asked %d times all the same", got)
		}
		r.verify(here)
	})
}

// TestInabilityOfAMoment: an answer that no log can be reopened is tried again after an hour,
// by not more than one attempt for each log, and forgotten if it was one of a moment.
func TestInabilityOfAMoment(t *testing.T) {
	withRigid(t, func(t *testing.T, r *rig, runtime *rigid) {
		r.start()
		all := []*runtimetest.Container{r.run("a"), r.run("b")}
		grow := func(d time.Duration) {
			for range int(d / time.Minute) {
				for _, c := range all {
					r.must(c.Print("stdout", 100, 1000))
				}
				r.pass(time.Minute)
			}
		}
		grow(75 * time.Minute)
		if got := runtime.asked.Load(); got < 2 || got > 3 {
			t.Errorf("asked %d times in an hour and a quarter", got)
		}
		if got := r.said("cannot reopen logs"); got != 1 {
			t.Errorf("said %d times", got)
		}
		runtime.can.Store(true)
		grow(65 * time.Minute)
		for _, c := range all {
			if got := names(t, c.Path()); len(got) < 2 {
				t.Errorf("never rotated: %q", got)
			}
			r.verify(c)
		}
		if got := r.metric("logs_managed"); got != 2 {
			t.Errorf("%v logs are said to be held to their limit", got)
		}
		if got := r.Trouble(); len(got) != 0 {
			t.Errorf("in trouble for %q", got)
		}
	})
}
