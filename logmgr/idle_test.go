package logmgr_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// TestIdleCostsNothing: quiet logs have no goroutine, and nobody looks at them.
func TestIdleCostsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.options.LegacyDir = r.legacy
		r.start()
		r.pass(time.Second)
		before := runtime.NumGoroutine()
		const (
			logs          = 500
			fewGoroutines = 5 // Go's own come and go
		)
		var all []*runtimetest.Container
		for i := range logs {
			c := r.run(fmt.Sprint("app", i))
			r.must(c.Print("stdout", i%3, 100))
			all = append(all, c)
		}
		r.pass(10 * time.Second)
		if armed, awake := r.bell.Armed(), r.metric("logs_awake"); armed != logs || awake != 0 {
			t.Errorf("%d of %d logs are watched, %v awake", armed, logs, awake)
		}
		if got := runtime.NumGoroutine(); got > before+fewGoroutines {
			t.Errorf("%d goroutines with %d quiet logs, %d without", got, logs, before)
		}
		arms, lists := r.bell.Arms(), r.fake.Lists()
		r.pass(time.Hour)
		if got := r.bell.Arms(); got != arms {
			t.Errorf("%d looks in an hour without a word", got-arms)
		}
		if got, want := r.fake.Lists()-lists, int(time.Hour/(5*time.Second)); got > want {
			t.Errorf("%d lists in an hour, want %d", got, want)
		}
		if got := runtime.NumGoroutine(); got > before+fewGoroutines {
			t.Errorf("%d goroutines after an hour, %d before", got, before)
		}
		// One that speaks is heard, and the others sleep on.
		r.must(all[7].Print("stdout", 2000, 1000))
		r.pass(100 * time.Millisecond)
		if awake := r.metric("logs_awake"); all[7].Reopens() != 1 || awake != 1 {
			t.Errorf("%d reopens, %v awake", all[7].Reopens(), awake)
		}
		r.pass(5 * time.Second)
		if armed, awake := r.bell.Armed(), r.metric("logs_awake"); armed != logs || awake != 0 {
			t.Errorf("%d of %d logs are watched afterwards, %v awake", armed, logs, awake)
		}
		r.verify(all[7])
	})
}

// TestLastWriteBeforeSleepIsSeen writes in the instants around the arming of the
// doorbell: none of them may go unheard.
func TestLastWriteBeforeSleepIsSeen(t *testing.T) {
	for _, when := range []string{"before the watch", "after the watch"} {
		t.Run(when, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				c := r.behind(r.facts("app"))
				r.must(c.Print("stdout", 1, 100))
				armed := false
				r.bell.OnArm(func() error {
					if armed {
						return nil
					}
					armed = true
					if when == "before the watch" {
						return c.Print("stdout", 2000, 1000)
					}
					go func() { r.must(c.Print("stdout", 2000, 1000)) }()
					return nil
				})
				r.start()
				r.pass(10 * time.Second)
				if c.Reopens() != 1 {
					t.Errorf("%d reopens, want 1", c.Reopens())
				}
				r.verify(c)
			})
		})
	}
}
