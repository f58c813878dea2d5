package logmgr_test

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// TestMissingLogIsAskedForInSteps: however the runtime fails to bring a missing log back,
// it is asked in growing steps, and again at the shortest step once one has gone well.
func TestMissingLogIsAskedForInSteps(t *testing.T) {
	for name, fault := range map[string]runtimetest.Fault{
		"it refuses":             runtimetest.Refuse(),
		"its answer is lost":     runtimetest.LostRequest(),
		"it says so, and is not": {},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.start()
				c := r.run("app")
				r.must(c.Print("stdout", 5, 100))
				for _, faults := range []int{4, 2} {
					before := len(c.Asked())
					c.Script(slices.Repeat([]runtimetest.Fault{fault}, faults)...)
					r.must(r.bell.Change(c.Path(), func() error { return os.Remove(c.Path()) }))
					r.pass(time.Minute)
					asked := c.Asked()[before:]
					if len(asked) != faults+1 {
						t.Fatalf("asked %d times for a log that comes after %d faults", len(asked), faults)
					}
					for i := range faults {
						least := time.Second << i
						if wait := asked[i+1].Sub(asked[i]); wait < least || wait > least+1100*time.Millisecond {
							t.Errorf("the wait after fault %d is %v, want %v", i+1, wait, least)
						}
					}
					if !exists(c.Path()) {
						t.Error("the log is still missing")
					}
				}
			})
		})
	}
}

// TestRefusalAsksForTheState: a runtime refuses when the container has ended, of which
// nobody has told. The list is not waited for.
func TestRefusalAsksForTheState(t *testing.T) {
	for name, begin := range map[string]func(r *rig, c *runtimetest.Container){
		"of a full log": func(r *rig, c *runtimetest.Container) { r.must(c.Print("stdout", 1100, 1000)) },
		"of a missing one": func(r *rig, c *runtimetest.Container) {
			r.must(r.bell.Change(c.Path(), func() error { return os.Rename(c.Path(), c.Path()+aside) }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.options.ReconcileEvery = time.Hour
				r.start()
				c := r.run("app")
				r.pass(3 * time.Second)
				lists := 0
				r.fake.OnList(func(context.Context) error { lists++; return nil })
				fault := runtimetest.Refuse()
				fault.Before = func() { r.must(c.Exit()) }
				c.Script(fault)
				begin(r, c)
				r.pass(3 * time.Second)
				if lists == 0 || r.metric("logs_awake") != 0 || r.bell.Armed() != 0 {
					t.Errorf("%d lists, %v logs awake, %d watched", lists, r.metric("logs_awake"), r.bell.Armed())
				}
				if got := len(c.Asked()); got != 1 {
					t.Errorf("%d reopens were asked for", got)
				}
			})
		})
	}
}
