package logmgr_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// trickle writes a line of 100 bytes to each log ten times a second.
func (r *rig) trickle(d time.Duration, logs ...*runtimetest.Container) {
	r.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); r.pass(100 * time.Millisecond) {
		for _, c := range logs {
			r.must(c.Print("stdout", 1, 100))
		}
	}
}

// TestSlowLogsDoze: logs that grow slowly have no goroutine of their own, are in nobody's
// way, and one of them that turns into a flood is held to its limit.
func TestSlowLogsDoze(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy.MaxSize = 10 * mib
		r.fake.Latency = 3 * time.Millisecond
		r.start()
		r.pass(time.Second)
		before := runtime.NumGoroutine()
		var all []*runtimetest.Container
		for i := range 200 {
			all = append(all, r.run(fmt.Sprint("app", i)))
		}
		r.trickle(5*time.Second, all...)
		const fewGoroutines = 5 // Go's own come and go
		if got := runtime.NumGoroutine(); got > before+fewGoroutines {
			t.Errorf("%d goroutines with 200 slow logs, %d without", got, before)
		}
		if got := r.metric("logs_awake"); got != 200 {
			t.Errorf("%v logs are awake", got)
		}
		r.grow(all[7], 100e6, 350*time.Millisecond)
		checkBound(r, all[7], 3)
		r.pass(5 * time.Second)
		if armed, awake := r.bell.Armed(), r.metric("logs_awake"); armed != 200 || awake != 0 {
			t.Errorf("%d of 200 logs are watched afterwards, %v awake", armed, awake)
		}
		r.verify(all[8])
	})
}

// TestDozingLogIsDisturbed: whatever happens to a log that dozes is seen within a second,
// and nothing is left behind.
func TestDozingLogIsDisturbed(t *testing.T) {
	for name, test := range map[string]struct {
		disturb func(r *rig, c *runtimetest.Container)
		reopens int
	}{
		"its container ends":          {(*rig).exit, 0},
		"its container goes":          {func(r *rig, c *runtimetest.Container) { r.exit(c); r.remove(c) }, 0},
		"its limit shrinks":           {func(r *rig, _ *runtimetest.Container) { p := r.policy; p.MaxSize = 4 * kib; r.setPolicy(p) }, 1},
		"its policy gets an age":      {func(r *rig, _ *runtimetest.Container) { p := r.policy; p.MaxAge = time.Second; r.setPolicy(p) }, 1},
		"it is no longer rotated":     {func(r *rig, _ *runtimetest.Container) { p := r.policy; p.MaxSize = -1; r.setPolicy(p) }, 0},
		"another rotator moves it":    {func(r *rig, c *runtimetest.Container) { r.must(os.Rename(c.Path(), c.Path()+aside)) }, 1},
		"another one takes its place": {func(r *rig, c *runtimetest.Container) { r.kubeletRotates(c) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.start()
				c := r.run("app")
				r.trickle(5*time.Second, c)
				if got := r.metric("logs_awake"); got != 1 {
					t.Fatalf("%v logs are awake", got)
				}
				test.disturb(r, c)
				r.pass(4 * time.Second)
				if got := c.Reopens(); got != test.reopens {
					t.Errorf("%d reopens, want %d", got, test.reopens)
				}
				if got := r.metric("logs_awake"); got != 0 {
					t.Errorf("%v logs are still awake", got)
				}
				r.linesOnceEach(c)
			})
		})
	}
}

// TestDozingLogRipens: a log that is written to all the time is rotated at its age.
func TestDozingLogRipens(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy.MaxAge = 90 * time.Second
		r.start()
		c := r.run("app")
		r.trickle(89*time.Second, c)
		if got := c.Reopens(); got != 0 {
			t.Errorf("%d rotations before its age", got)
		}
		r.trickle(2*time.Second, c)
		if got := c.Reopens(); got != 1 {
			t.Errorf("%d rotations at its age", got)
		}
		r.verify(c)
	})
}

// TestDozingLogIsReplaced: a file that somebody else has put in a dozing log's place,
// without our knowing, is given what new files are given.
func TestDozingLogIsReplaced(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.options.Files.Mode = 0o644
		r.start()
		c := r.run("app")
		r.trickle(500*time.Millisecond, c)
		r.must(os.Rename(c.Path(), c.Path()+aside))
		r.fake.Latency = 0
		r.must(r.fake.ReopenLog(t.Context(), c.ID()))
		r.must(c.Print("stdout", 20, 100)) // as if the old one had grown
		r.trickle(2*time.Second, c)
		info, err := os.Stat(c.Path())
		r.must(err)
		if info.Mode() != 0o644 {
			t.Errorf("the new file has mode %v", info.Mode())
		}
		r.linesOnceEach(c)
	})
}
