package logmgr_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// inPlace makes sure that the container writes to its log's path again and that
// the log is held to its limit.
func (r *rig) inPlace(c *runtimetest.Container) {
	r.Helper()
	before, err := os.Stat(c.Path())
	if err != nil {
		r.Errorf("the log is missing: %v", err)
		return
	}
	r.must(c.Print("stdout", 1, 100))
	after, err := os.Stat(c.Path())
	r.must(err)
	if !os.SameFile(before, after) || after.Size() <= before.Size() {
		r.Error("the container does not write to its log's path")
	}
	if after.Size() > r.policy.MaxSize*11/10 {
		r.Errorf("the log has %d bytes", after.Size())
	}
}

// TestRefused: the log goes back to its place and is tried again, less and less
// often.
func TestRefused(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		for range 7 {
			c.Script(runtimetest.Refuse())
		}
		r.print(c, 100e3, 12*time.Second)
		r.pass(time.Second)
		if len(c.Asked()) < 1 || len(rotated(t, c.Path())) > 0 {
			t.Errorf("after the first refusals there are %q", names(t, c.Path()))
		}
		r.print(c, 20e3, 3*time.Minute)
		r.verify(c)
		asked := c.Asked()
		if len(asked) < 8 {
			t.Fatalf("tried %d times", len(asked))
		}
		for i, least := range []time.Duration{1, 2, 4, 8, 16, 32, 60} {
			if wait := asked[i+1].Sub(asked[i]); wait < least*time.Second || wait > least*time.Second+2*time.Second {
				t.Errorf("wait after refusal %d: %v, want %v s", i+1, wait, least)
			}
		}
		r.inPlace(c)
		if got := r.metric("rotations_total"); got < 1 {
			t.Errorf("%v rotations are counted", got)
		}
	})
}

// TestRefusedWhileSomebodyElseReopened: there is a new log by the time ours goes
// back, so both are kept.
func TestRefusedWhileSomebodyElseReopened(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		refusal := runtimetest.Refuse()
		refusal.Swap = true
		c.Script(refusal)
		r.print(c, 100e3, 60*time.Second)
		r.verify(c)
		r.inPlace(c)
		if got := rotated(t, c.Path()); len(got) < 2 {
			t.Errorf("rotated files: %q", got)
		}
		if got := r.metric("failures_total", "rename"); got != 0 {
			t.Errorf("%v failed renames are counted, but nothing has failed", got)
		}
	})
}

// TestHang: a reopen that hangs holds up neither other logs nor readers, nor is
// another one begun before it has returned.
func TestHang(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		stuck, other := r.run("stuck"), r.run("other")
		began := make(chan struct{})
		hang := runtimetest.Hang(nil)
		hang.Wait = make(chan struct{})
		hang.Before = func() { close(began) }
		stuck.Script(hang)
		go func() { r.print(stuck, 200e3, 4*time.Minute) }()
		<-began
		start := time.Now()
		r.Hold(t.Context(), other.ID())
		if took := time.Since(start); took > 0 {
			t.Errorf("a reader of another log was held for %v", took)
		}
		r.Hold(t.Context(), stuck.ID())
		if took := time.Since(start); took != 250*time.Millisecond {
			t.Errorf("a reader was held for %v, want 250ms", took)
		}
		r.print(other, 10e6, 2*time.Second)
		r.pass(100 * time.Millisecond)
		if got := other.Reopens(); got < 15 {
			t.Errorf("the other log was rotated %d times", got)
		}
		if trouble := r.Trouble(); len(trouble) > 0 {
			t.Errorf("trouble after two seconds: %q", trouble)
		}
		r.pass(time.Minute)
		if trouble := r.Trouble(); len(trouble) != 1 || r.metric("stuck_operations") != 1 {
			t.Errorf("trouble after a minute: %q", trouble)
		}
		if got := len(stuck.Asked()); got != 1 {
			t.Errorf("asked %d times while it hangs", got)
		}
		r.pass(5 * time.Minute)
		if got := stuck.Asked(); len(got) < 2 || got[1].Sub(got[0]) < 2*time.Minute {
			t.Errorf("asked at %v", got)
		}
		if trouble := r.Trouble(); len(trouble) > 0 {
			t.Errorf("trouble afterwards: %q", trouble)
		}
		r.verify(stuck)
		r.verify(other)
		r.inPlace(stuck)
	})
}

// TestUnknownOutcome: whatever has really happened, all lines are kept and the
// log is in its place again.
func TestUnknownOutcome(t *testing.T) {
	for name, fault := range map[string]runtimetest.Fault{
		"done, answer lost":                {Swap: true, Err: errors.New("lost")},
		"not done":                         {Err: errors.New("lost")},
		"file made, not swapped":           {MakeOnly: true, Err: errors.New("lost")},
		"file made, hangs, not swapped":    {MakeOnly: true, Wait: make(chan struct{})},
		"hangs, not swapped":               {Wait: make(chan struct{})},
		"hangs, swapped when nobody waits": {MakeOnly: true, Swap: true, Wait: make(chan struct{})},
	} {
		for _, style := range []runtimetest.Style{runtimetest.Containerd, runtimetest.Conmon} {
			if style == runtimetest.Conmon && fault.MakeOnly {
				continue // conmon makes the file and renames it in one go
			}
			t.Run(fmt.Sprint(name, ", style ", style), func(t *testing.T) {
				bubble(t, func(t *testing.T, r *rig) {
					r.fake.Style = style
					if fault.Wait != nil {
						fault.Wait = make(chan struct{}) // of this bubble
					}
					r.start()
					c := r.run("app")
					c.Script(fault)
					r.print(c, 100e3, 12*time.Second)
					r.print(c, 30e3, 2*time.Minute+10*time.Second)
					r.pass(5 * time.Second)
					r.print(c, 100e3, 20*time.Second)
					r.verify(c)
					r.inPlace(c)
				})
			})
		}
	}
}

// TestUnknownOutcomeThenSilence: a log in doubt is watched also when the new file
// stays empty and the old one speaks only later.
func TestUnknownOutcomeThenSilence(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		c.Script(runtimetest.Fault{MakeOnly: true, Err: errors.New("lost")})
		r.must(c.Print("stdout", 1100, 1000))
		r.pass(time.Minute)
		if !exists(c.Path()) || c.Reopens() > 0 {
			t.Fatal("the test's story did not happen")
		}
		r.print(c, 100e3, 10*time.Second)
		r.pass(5 * time.Second)
		r.verify(c)
		r.inPlace(c)
	})
}

// TestLateFlush: the old file may grow after the reopen has returned.
func TestLateFlush(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.FlushAfter = 300 * time.Millisecond
		r.start()
		c := r.run("app")
		r.print(c, 1e6, 15*time.Second)
		r.fake.Flushed()
		if c.Reopens() < 10 {
			t.Errorf("%d rotations", c.Reopens())
		}
		r.verify(c)
	})
}

// TestNothingLost: a flood with lines, in both styles of a runtime.
func TestNothingLost(t *testing.T) {
	for _, style := range []runtimetest.Style{runtimetest.Containerd, runtimetest.Conmon} {
		t.Run(fmt.Sprint(style), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.fake.Style = style
				r.start()
				c := r.run("app")
				r.print(c, 50e6, 400*time.Millisecond)
				if c.Reopens() < 15 {
					t.Errorf("%d rotations", c.Reopens())
				}
				r.verify(c)
				r.inPlace(c)
			})
		})
	}
}

// TestRefusedLogDoesNotSleep: a log over its limit whose rotation was refused gets
// it later, although nothing is written to it any more.
func TestRefusedLogDoesNotSleep(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		c.Script(slices.Repeat([]runtimetest.Fault{runtimetest.Refuse()}, 4)...)
		r.must(c.Print("stdout", 1100, 1000))
		r.pass(20 * time.Second) // 1+2+4+8 and the reopens
		if got := rotated(t, c.Path()); len(got) != 1 {
			t.Errorf("rotated %q after %d refusals", got, len(c.Asked()))
		}
		r.verify(c)
		r.pass(10 * time.Second)
		if r.bell.Armed() != 1 {
			t.Error("the log does not sleep afterwards")
		}
	})
}
