package logmgr_test

import (
	"fmt"
	"math/rand/v2"
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

// TestJitter: neither a runtime that takes a different time for each reopen, nor a
// writer that is given the processor by turns, breaks the bound.
func TestJitter(t *testing.T) {
	for _, test := range []struct {
		rate    int64
		longest time.Duration
		bursts  time.Duration // of twice the rate, and as long without anything
	}{
		{rate: 120e6, longest: 8 * time.Millisecond},
		{rate: 100e6, longest: 10 * time.Millisecond},
		{rate: 40e6, longest: 15 * time.Millisecond},
		{rate: 5e6, longest: 150 * time.Millisecond},
		{rate: 100e6, longest: 6 * time.Millisecond, bursts: time.Millisecond},
		{rate: 40e6, longest: 10 * time.Millisecond, bursts: 3 * time.Millisecond},
	} {
		t.Run(fmt.Sprintf("%d bytes per second in bursts of %v, reopen takes up to %v", test.rate, test.bursts, test.longest), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				rotations := 30 + test.rate/1e6
				random := rand.New(rand.NewPCG(1, uint64(test.rate)))
				r.policy.MaxSize = 10 * mib
				r.fake.Latency = time.Millisecond
				r.fake.Jitter = func() time.Duration { return time.Duration(random.Int64N(int64(test.longest - time.Millisecond))) }
				r.start()
				c := r.run("app")
				for written := int64(0); written < rotations*10*mib; {
					d := max(test.bursts, 10*time.Millisecond)
					if test.bursts == 0 {
						r.grow(c, test.rate, d)
						written += test.rate / 100
						continue
					}
					r.grow(c, 2*test.rate, test.bursts)
					r.pass(test.bursts)
					written += 2 * test.rate * int64(test.bursts) / int64(time.Second)
				}
				got := sizes(t, c.Path())
				if int64(len(got)) < rotations*9/10 {
					t.Fatalf("%d rotations", len(got))
				}
				slices.Sort(got)
				share := func(q float64) float64 { return float64(got[int(q*float64(len(got)-1))]) / float64(10*mib) }
				if median := share(0.5); median < 0.95 || median > 1.02 {
					t.Errorf("the median is %.3f of the limit", median)
				}
				if share(0.99) > 1.035 || share(1) > 1.05 {
					t.Errorf("the 99th percentile is %.3f of the limit, the largest %.3f", share(0.99), share(1))
				}
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

// TestSmallSlowLogTurnsIntoFlood: a log that the fastest writer fills within a few looks
// of the poller is looked at oftener once it may matter.
func TestSmallSlowLogTurnsIntoFlood(t *testing.T) {
	for step := range 20 {
		filled := 0.8 + 0.008*float64(step)
		t.Run(fmt.Sprint(filled), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.policy.MaxSize = 2 * mib
				r.fake.Latency = time.Millisecond
				r.start()
				c := r.run("app")
				r.trickle(time.Second, c)
				r.pass(3 * time.Second)
				r.must(c.Grow(int64(filled * float64(2*mib))))
				r.pass(3 * time.Second)
				r.trickle(time.Second, c)
				r.pass(time.Duration(step) * 370 * time.Microsecond)
				r.grow(c, 100e6, 60*time.Millisecond)
				checkBound(r, c, 2)
			})
		})
	}
}

// TestFloodFromTheFirstMoment: nothing is known of the log yet, and a writer may be
// faster than the fastest that is expected.
func TestFloodFromTheFirstMoment(t *testing.T) {
	for _, rate := range []int64{40e6, 100e6, 125e6} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.policy.MaxSize = 10 * mib
				r.fake.Latency = 4 * time.Millisecond
				r.start()
				c := r.run("app")
				r.grow(c, rate, time.Second)
				checkBound(r, c, 3)
			})
		})
	}
}

// TestFasterThanTheFastest: a log is prepared for the fastest writer that it has had
// once, also when that was idle for long, and for a faster one if the options say so.
func TestFasterThanTheFastest(t *testing.T) {
	for name, prepare := range map[string]func(r *rig, c *runtimetest.Container){
		"seen before": func(r *rig, c *runtimetest.Container) { r.grow(c, 300e6, 100*time.Millisecond) },
		"option":      func(*rig, *runtimetest.Container) {},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.policy.MaxSize = 10 * mib
				r.fake.Latency = time.Millisecond
				if name == "option" {
					r.options.FastestWriter = 300e6
				}
				r.start()
				c := r.run("app")
				prepare(r, c)
				before := len(sizes(t, c.Path()))
				for range 5 {
					r.pass(time.Hour)
					r.grow(c, 1000, 2*time.Second)
					r.grow(c, 300e6, 40*time.Millisecond)
				}
				got := sizes(t, c.Path())[before:]
				if len(got) < 5 {
					t.Fatalf("%d rotations", len(got))
				}
				if highest := float64(slices.Max(got)) / float64(10*mib); highest > 1.10 {
					t.Errorf("the largest of %d files is %.3f of the limit", len(got), highest)
				}
			})
		})
	}
}

// TestTinyLimit: a limit that cannot be held makes neither a hot loop of rotations
// nor one of looks, and loses nothing.
func TestTinyLimit(t *testing.T) {
	for _, limit := range []int64{1, kib, 100 * kib} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.policy.MaxSize = limit
				r.fake.Latency = 100 * time.Microsecond
				r.start()
				c := r.run("app")
				r.print(c, 50e6, 2*time.Second)
				if got := len(c.Asked()); got > 101 || got < 80 {
					t.Errorf("%d rotations in two seconds, want almost fifty in each", got)
				}
				r.verify(c)
				r.pass(time.Hour)
				if r.bell.Armed() != 1 {
					t.Error("the log does not sleep afterwards")
				}
			})
		})
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
