package logmgr_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// checkBound looks at the sizes at which a log was rotated.
func checkBound(r *rig, c *runtimetest.Container, atLeast int) {
	r.Helper()
	got := sizes(r.T, c.Path())
	if len(got) < atLeast {
		r.Fatalf("%d rotations, want at least %d", len(got), atLeast)
	}
	slices.Sort(got)
	limit := float64(r.policy.MaxSize)
	median, highest := float64(got[len(got)/2])/limit, float64(got[len(got)-1])/limit
	if atLeast > 5 && (median < 0.95 || median > 1.02) {
		r.Errorf("the median of %d files is %.3f of the limit", len(got), median)
	}
	if highest > 1.10 {
		r.Errorf("the largest of %d files is %.3f of the limit", len(got), highest)
	}
	if lowest := float64(got[0]) / limit; lowest < 0.5 {
		r.Errorf("the smallest of %d files is %.3f of the limit", len(got), lowest)
	}
}

func TestFloodStaysInBounds(t *testing.T) {
	for _, test := range []struct {
		rate, limit int64
		latency     time.Duration
	}{
		{100e6, 10 * mib, 5 * time.Millisecond},
		{100e6, 10 * mib, time.Millisecond},
		{40e6, 10 * mib, 10 * time.Millisecond},
		{20e6, 10 * mib, 2 * time.Millisecond},
		{20e6, 2 * mib, 2 * time.Millisecond},
		{1e6, mib, 20 * time.Millisecond},
		{100e3, 100 * kib, 20 * time.Millisecond},
		{2e3, 10 * kib, 5 * time.Millisecond},
	} {
		t.Run(fmt.Sprintf("%d bytes per second, limit %d, reopen takes %v", test.rate, test.limit, test.latency), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.policy.MaxSize = test.limit
				r.fake.Latency = test.latency
				r.start()
				c := r.run("app")
				r.grow(c, test.rate, time.Duration(30*float64(test.limit)/float64(test.rate)*float64(time.Second)))
				checkBound(r, c, 25)
			})
		})
	}
}

// TestTrickleTurnsIntoFlood lets the fastest writer begin at every moment of a
// slow one's life, when nothing seems urgent.
func TestTrickleTurnsIntoFlood(t *testing.T) {
	for _, filled := range []float64{0, 0.3, 0.9, 0.99, 0.999} {
		for _, moment := range []time.Duration{0, 3, 50, 500, 999, 1001} {
			t.Run(fmt.Sprintf("at %v, filled to %v", moment*time.Millisecond, filled), func(t *testing.T) {
				bubble(t, func(t *testing.T, r *rig) {
					r.policy.MaxSize = 10 * mib
					r.fake.Latency = 3 * time.Millisecond
					r.start()
					c := r.run("app")
					r.must(c.Grow(int64(filled * float64(10*mib))))
					r.grow(c, 100, 5*time.Second+moment*time.Millisecond)
					r.grow(c, 100e6, 300*time.Millisecond)
					checkBound(r, c, 2)
				})
			})
		}
	}
}

func TestIdleThenFlood(t *testing.T) {
	for _, filled := range []float64{0, 0.5, 0.99} {
		t.Run(fmt.Sprint(filled), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.policy.MaxSize = 10 * mib
				r.fake.Latency = 3 * time.Millisecond
				r.start()
				c := r.run("app")
				r.must(c.Grow(int64(filled * float64(10*mib))))
				r.pass(time.Hour)
				if r.bell.Armed() != 1 {
					t.Fatal("an idle log has no doorbell")
				}
				r.grow(c, 100e6, 300*time.Millisecond)
				checkBound(r, c, 2)
			})
		})
	}
}

// TestFloodStopsAndGoesOn: what was measured before says nothing about later.
func TestFloodStopsAndGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy.MaxSize = 10 * mib
		r.fake.Latency = 3 * time.Millisecond
		r.start()
		c := r.run("app")
		for i := range 12 {
			r.grow(c, 100e6, time.Duration(37+i)*time.Millisecond)
			r.grow(c, 1000, time.Duration(i)*700*time.Millisecond)
		}
		checkBound(r, c, 4)
	})
}

// TestSlowReopenLeavesNoTinyFiles: after one reopen that took long, files are not
// rotated long before their time, which would push the full ones out.
func TestSlowReopenLeavesNoTinyFiles(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy.MaxSize = 10 * mib
		r.start()
		c := r.run("app")
		release := make(chan struct{})
		c.Script(runtimetest.Hang(release))
		go func() {
			<-time.After(20 * time.Second)
			close(release)
		}()
		r.grow(c, 10e6, 30*time.Second)
		got := sizes(t, c.Path())[1:] // the first was written while the reopen hung
		if len(got) < 5 {
			t.Fatalf("%d rotations", len(got))
		}
		for i, size := range got {
			if float64(size) < 0.5*float64(10*mib) {
				t.Errorf("file %d has %d bytes", i+1, size)
			}
		}
	})
}

func TestLimitOffAndHuge(t *testing.T) {
	for _, limit := range []int64{-1, 0, 1 << 62} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.policy.MaxSize = limit
				r.start()
				c := r.run("app")
				r.grow(c, 100e6, 3*time.Second)
				if got := names(t, c.Path()); len(got) != 1 || c.Reopens() > 0 {
					t.Errorf("files %q, %d reopens", got, c.Reopens())
				}
			})
		})
	}
}
