package logmgr_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// silences are the ways in which a runtime does not tell where output is.
func silences() map[string]func(context.Context, string) error {
	return map[string]func(context.Context, string) error{
		"it fails": func(context.Context, string) error { return errors.New("as scripted") },
		"it hangs": func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() },
	}
}

// TestLimitHoldsWithoutAnswer: a log that grows at its path is held to its limit, and healed
// when it is missing, though the runtime never says that its output is there.
func TestLimitHoldsWithoutAnswer(t *testing.T) {
	for name, silence := range silences() {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				runtime := redirecting(r)
				runtime.Default, runtime.Latency = logmgr.Redirection{}, 2*time.Millisecond
				runtime.OnRedirect(silence)
				r.start()
				var all []*runtimetest.Container
				for i := range 5 {
					all = append(all, r.run(fmt.Sprint("app", i)))
				}
				for range 40 {
					for _, c := range all {
						r.must(c.Print("stdout", 250, 1000))
					}
					r.pass(500 * time.Millisecond)
				}
				for _, c := range all {
					files := sizes(t, c.Path())
					if len(files) < 5 {
						t.Fatalf("%s: rotated files of %d bytes", c.ID(), files)
					}
					for i, size := range files {
						if i == 0 && size > 4*mib || i > 0 && size > 3*mib/2 {
							t.Errorf("%s: rotated file %d has %d bytes", c.ID(), i, size)
						}
					}
				}
				lost := all[0]
				r.must(os.Rename(lost.Path(), lost.Path()+aside))
				r.pass(20 * time.Second)
				r.grows(lost)

				runtime.OnRedirect(nil)
				r.pass(20 * time.Second)
				for _, c := range all {
					r.must(c.Print("stdout", 2000, 1000))
				}
				r.pass(5 * time.Second)
				for _, c := range all {
					if info, err := os.Stat(c.Path()); err != nil || info.Size() != 0 {
						t.Errorf("%s: after the answer: %d bytes, %v", c.ID(), info.Size(), err)
					}
					r.inPlace(c)
				}
			})
		})
	}
}

// TestAnswersAgain: however long the runtime had no answer, full logs are rotated within
// seconds of its next one, though nothing but that tells it is back.
func TestAnswersAgain(t *testing.T) {
	for name, silence := range silences() {
		for outage := 3 * time.Second; outage < time.Hour; outage *= 7 {
			t.Run(fmt.Sprint(name, " for ", outage), func(t *testing.T) {
				bubble(t, func(t *testing.T, r *rig) {
					runtime := redirecting(r)
					runtime.Default, runtime.Latency = logmgr.Redirection{}, 2*time.Millisecond
					runtime.OnRedirect(silence)
					r.start()
					var all []*runtimetest.Container
					for i := range 20 {
						c := r.run(fmt.Sprint("app", i))
						r.must(c.Print("stdout", 1100, 1000))
						all = append(all, c)
					}
					r.pass(outage)
					runtime.OnRedirect(nil)
					wait := 4 * time.Second
					if name == "it hangs" {
						wait += 10 * time.Second // those questions that are under way
					}
					r.pass(wait)
					for _, c := range all {
						if c.Reopens() != 1 {
							t.Errorf("%s: %d rotations", c.ID(), c.Reopens())
						}
						r.verify(c)
					}
				})
			})
		}
	}
}

// TestSilenceIsTold: that the runtime does not say where output is, and what that means for
// limits, is told; and for longer than half a minute it is a reason of trouble.
func TestSilenceIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		runtime.OnRedirect(func(context.Context, string) error { return errors.New("as scripted") })
		r.start()
		for i := range 3 {
			r.runElsewhere(runtime, fmt.Sprint("app", i))
		}
		r.pass(25 * time.Second)
		if got := r.lines("held to their limit only"); len(got) != 1 || !strings.Contains(got[0], "containers:3") {
			t.Errorf("said what does not hold: %q", got)
		}
		if got := r.Status().Logs; got != 0 {
			t.Errorf("%d logs count as held", got)
		}
		if trouble := r.Trouble(); len(trouble) != 0 {
			t.Errorf("trouble after a short while: %q", trouble)
		}
		r.pass(10 * time.Second)
		if trouble := r.Trouble(); len(trouble) != 1 || !strings.Contains(trouble[0], "does not tell where the output of containers is (3 of them)") {
			t.Errorf("trouble: %q", trouble)
		}
		runtime.OnRedirect(nil)
		r.pass(4 * time.Second)
		if trouble := r.Trouble(); len(trouble) != 0 {
			t.Errorf("trouble afterwards: %q", trouble)
		}
		r.pass(time.Hour)
		if again := r.said("it is known again"); again != 1 || r.said("held to their limit only") != 1 {
			t.Errorf("said %d times that all are found", again)
		}
	})
}

// TestSilenceAboutWhatIsKnown: where the links stand already, nobody is alarmed.
func TestSilenceAboutWhatIsKnown(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.start()
		c, file := r.runElsewhere(runtime, "app")
		r.pass(time.Minute)
		runtime.OnRedirect(func(context.Context, string) error { return errors.New("as scripted") })
		r.Reconnected()
		r.pass(10 * time.Minute)
		if said, trouble := r.said("cannot find out where"), r.Trouble(); said != 0 || len(trouble) != 0 {
			t.Errorf("said %d times, and trouble: %q", said, trouble)
		}
		r.leadsTo(c.Path(), file)
	})
}
