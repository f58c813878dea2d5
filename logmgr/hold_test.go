package logmgr_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

func TestHoldLastsAsLongAsTheWindow(t *testing.T) {
	for name, test := range map[string]struct{ latency, want time.Duration }{
		"short":    {40 * time.Millisecond, 40 * time.Millisecond},
		"too long": {10 * time.Second, 250 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.fake.Latency = test.latency
				r.start()
				c := r.run("app")
				for _, id := range []string{c.ID(), "unknown"} {
					start := time.Now()
					if r.Hold(t.Context(), id); time.Since(start) > 0 {
						t.Errorf("held for %v, although nothing is rotated", time.Since(start))
					}
				}
				began := make(chan struct{})
				fault := runtimetest.Fault{Swap: true, Before: func() { close(began) }}
				c.Script(fault)
				r.must(c.Print("stdout", 1100, 1000))
				<-began
				start := time.Now()
				r.Hold(t.Context(), c.ID())
				if took := time.Since(start); took != test.want {
					t.Errorf("held for %v, want %v", took, test.want)
				}
				if test.latency == test.want && !exists(c.Path()) {
					t.Error("a reader was let go, and the log is not there")
				}
				// Who comes after the longest hold is not held again.
				start = time.Now()
				if r.Hold(t.Context(), c.ID()); time.Since(start) > 0 {
					t.Errorf("held again for %v", time.Since(start))
				}
				r.pass(time.Minute)
				r.verify(c)
			})
		})
	}
}

func TestHoldEndsWithItsCaller(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.Latency = time.Second
		r.start()
		c := r.run("app")
		began := make(chan struct{})
		c.Script(runtimetest.Fault{Swap: true, Before: func() { close(began) }})
		r.must(c.Print("stdout", 1100, 1000))
		<-began
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		start := time.Now()
		r.Hold(ctx, c.ID())
		if took := time.Since(start); took != 10*time.Millisecond {
			t.Errorf("held for %v", took)
		}
	})
}

// TestReadersNeverMissTheLog: whoever asks first always finds the file, as long
// as reopens take less than the longest hold.
func TestReadersNeverMissTheLog(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.Latency = 3 * time.Millisecond
		r.start()
		c := r.run("app")
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.print(c, 20e6, time.Second/2)
		}()
		reads, held := 0, 0
		for running := true; running; time.Sleep(317 * time.Microsecond) {
			start := time.Now()
			r.Hold(t.Context(), c.ID())
			if time.Since(start) > 0 {
				held++
			}
			if _, err := os.Stat(c.Path()); err != nil {
				t.Error(err)
			}
			reads++
			select {
			case <-done:
				running = false
			default:
			}
		}
		if held == 0 || held == reads {
			t.Errorf("%d of %d readers were held", held, reads)
		}
	})
}
