package logmgr_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// readers asks for a log again and again, every so often, and opens it some time after it
// was let go, until stop is called, which returns how often it asked, how often nothing
// was there to open, and for how long it was held at most.
func (r *rig) readers(c *runtimetest.Container, every, opens time.Duration) (stop func() (asked, missed int, longest time.Duration)) {
	r.Helper()
	var (
		asked, missed int
		longest       time.Duration
		all           sync.WaitGroup
		mu            sync.Mutex
	)
	done := make(chan struct{})
	all.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(every):
			}
			all.Go(func() {
				began := time.Now()
				r.Hold(r.Context(), c.ID())
				held := time.Since(began)
				time.Sleep(opens)
				_, err := os.Stat(c.Path())
				mu.Lock()
				defer mu.Unlock()
				asked++
				longest = max(longest, held)
				if err != nil {
					missed++
				}
			})
		}
	})
	return func() (int, int, time.Duration) {
		close(done)
		all.Wait()
		return asked, missed, longest
	}
}

// A reader that was told where the log is finds it there, though it takes its time to
// open it: no rotation comes in between. That is so for readers that come now and then,
// and for so many that there is one at every moment, and for logs that last for a long
// time or for some 20 ms only. They are held for 20 ms more than the reopen takes, or a
// little longer, and the log grows by 1 % more.
func TestReadersHaveTimeToOpen(t *testing.T) {
	for _, test := range []struct {
		limit, rate  int64
		every, opens time.Duration
	}{
		{2 * mib, 1e6, 499 * time.Microsecond, 19 * time.Millisecond},
		{2 * mib, 1e6, 7 * time.Millisecond, 19 * time.Millisecond},
		{2 * mib, 1e6, 23 * time.Millisecond, 19 * time.Millisecond},
		{128 * kib, 1e6, 499 * time.Microsecond, 15 * time.Millisecond},
		{128 * kib, 1e6, 7 * time.Millisecond, 10 * time.Millisecond},
		{mib, 5e6, 499 * time.Microsecond, 15 * time.Millisecond},
		{10 * mib, 50e6, 499 * time.Microsecond, 15 * time.Millisecond},
	} {
		t.Run(fmt.Sprintf("limit %d, %d bytes per second, read every %v", test.limit, test.rate, test.every), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				const reopen, rotations = 5 * time.Millisecond, 10
				r.policy.MaxSize = test.limit
				r.fake.Latency = reopen
				r.start()
				c := r.run("app")
				stop := r.readers(c, test.every, test.opens)
				r.grow(c, test.rate, time.Duration(float64(rotations)*float64(test.limit)/float64(test.rate)*float64(time.Second)))
				asked, missed, longest := stop()
				if missed > 0 {
					t.Errorf("%d of %d readers found no log", missed, asked)
				}
				if longest == 0 || longest > reopen+25*time.Millisecond {
					t.Errorf("a reader was held for %v", longest)
				}
				got := sizes(t, c.Path())
				if largest := float64(slices.Max(got)) / float64(test.limit); len(got) < rotations-2 || largest > 1.015 {
					t.Errorf("%d rotations, the largest file has %.3f of the limit", len(got), largest)
				}
				if smallest := float64(slices.Min(got)) / float64(test.limit); smallest < 0.94 {
					t.Errorf("the smallest file has %.3f of the limit", smallest)
				}
			})
		})
	}
}

// Readers are held before a log is due. If it does not become due then, since its writer
// rests, they go on, and it is not rotated before its time.
func TestReadersOfALogThatIsNotDue(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		const full = 2 * mib * 31 / 32
		r.policy.MaxSize = 2 * mib
		r.start()
		c := r.run("app")
		stop := r.readers(c, time.Millisecond, 0)
		r.grow(c, 1e6, time.Duration(full-5000)*time.Second/1e6)
		r.pass(time.Second)
		if _, _, longest := stop(); longest == 0 || longest > 41*time.Millisecond {
			t.Errorf("a reader was held for %v", longest)
		}
		if c.Reopens() > 0 {
			t.Errorf("rotated with %d bytes, before it was due at %d", sizes(t, c.Path()), full)
		}
		r.grow(c, 1e6, 100*time.Millisecond)
		if c.Reopens() != 1 {
			t.Errorf("%d rotations after it was due", c.Reopens())
		}
	})
}

// Readers at every moment make no file of any writer larger by more than 1 % of the limit,
// and not one rotation fails to come.
func TestReadersKeepTheBound(t *testing.T) {
	for _, test := range []struct{ rate, limit int64 }{{100e6, 10 * mib}, {20e6, 2 * mib}, {5e6, 2 * mib}, {1e6, 128 * kib}, {100e3, 10 * mib / 100}} {
		t.Run(fmt.Sprintf("%d bytes per second, limit %d", test.rate, test.limit), func(t *testing.T) {
			rotate := func(read bool) (largest int64, rotations int) {
				bubble(t, func(t *testing.T, r *rig) {
					r.policy.MaxSize = test.limit
					r.start()
					c := r.run("app")
					if read {
						stop := r.readers(c, 499*time.Microsecond, 0)
						defer stop()
					}
					r.grow(c, test.rate, time.Duration(30*float64(test.limit)/float64(test.rate)*float64(time.Second)))
					checkBound(r, c, 25)
					got := sizes(t, c.Path())
					largest, rotations = slices.Max(got), len(got)
				})
				return largest, rotations
			}
			without, times := rotate(false)
			with, timesRead := rotate(true)
			if more := float64(with-without) / float64(test.limit); more > 0.011 {
				t.Errorf("with readers the largest file has %d bytes, %.3f of the limit more", with, more)
			}
			if timesRead < times-1 {
				t.Errorf("%d rotations with readers, and %d without", timesRead, times)
			}
		})
	}
}

// A writer that becomes the fastest in the very time that readers are given is caught.
func TestFloodWhileReadersOpen(t *testing.T) {
	for _, moment := range []time.Duration{0, 1, 5, 19} {
		t.Run(fmt.Sprint(moment*time.Millisecond), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.policy.MaxSize = 10 * mib
				r.start()
				c := r.run("app")
				r.must(c.Grow(10*mib*31/32 - 50e3))
				r.pass(2 * time.Second)
				stop := r.readers(c, time.Millisecond, 0)
				defer stop()
				r.grow(c, 100e3, 500*time.Millisecond+moment*time.Millisecond) // due at half a second
				r.grow(c, 100e6, 30*time.Millisecond)
				r.pass(time.Second)
				got := sizes(t, c.Path())
				if len(got) == 0 || float64(slices.Max(got)) > 1.01*float64(10*mib) {
					t.Errorf("files of %d bytes", got)
				}
			})
		})
	}
}

// A rotation is put off until 20 ms after the last reader was let go, and not at all when
// that is longer ago.
func TestRotationIsPutOffByTheRest(t *testing.T) {
	// rotatedAfter is when a log is rotated that is read once, some time after its start.
	rotatedAfter := func(read time.Duration) (took time.Duration) {
		bubble(t, func(t *testing.T, r *rig) {
			r.policy.MaxSize = 4 * mib
			r.start()
			c := r.run("app")
			began := time.Now()
			timer := time.AfterFunc(read, func() { r.Hold(r.Context(), c.ID()) })
			defer timer.Stop()
			r.grow(c, 1e6, 5*time.Second)
			took = c.Asked()[0].Sub(began)
		})
		return took
	}
	due := rotatedAfter(time.Minute)
	for _, before := range []time.Duration{3, 12, 18, 22, 40} {
		read := due - before*time.Millisecond
		got, want := rotatedAfter(read), max(due, read+20*time.Millisecond)
		if off := got - want; off < -2*time.Millisecond || off > 2*time.Millisecond {
			t.Errorf("read %d ms before: rotated after %v instead of %v", before, got, want)
		}
	}
}

// What the runtime flushes into the old file after it has swapped is there before a held
// reader goes on, which may be one that follows and does not look into that file again. A
// runtime that keeps the file open does not hold readers up for long.
func TestReadersGoOnAfterTheFlush(t *testing.T) {
	for name, test := range map[string]struct{ closes, least, most time.Duration }{
		"at once":  {0, 0, 2 * time.Millisecond},
		"flushed":  {4 * time.Millisecond, 4 * time.Millisecond, 6 * time.Millisecond},
		"for ever": {time.Hour, 9 * time.Millisecond, 12 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.start()
				c := r.run("app")
				var (
					all            sync.WaitGroup
					swapped, letGo time.Time
				)
				c.Script(runtimetest.Fault{
					Swap: true,
					Before: func() {
						old, err := os.OpenFile(filepath.Join(filepath.Dir(c.Path()), rotated(t, c.Path())[0]), os.O_WRONLY|os.O_APPEND, 0)
						r.must(err)
						swapped = time.Now().Add(r.fake.Latency)
						all.Go(func() {
							time.Sleep(r.fake.Latency + test.closes)
							r.must(old.Close())
						})
						all.Go(func() {
							r.Hold(r.Context(), c.ID())
							letGo = time.Now()
						})
					},
				})
				r.must(c.Print("stdout", 1100, 1000))
				r.pass(time.Second)
				all.Wait()
				if took := letGo.Sub(swapped); took < test.least || took > test.most {
					t.Errorf("a reader was let go %v after the runtime had swapped files", took)
				}
			})
		})
	}
}
