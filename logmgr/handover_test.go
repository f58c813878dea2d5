package logmgr_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

// TestOneLooksAfterALog: whoever begins to tend a log takes it from the doorbell or the
// poller first. A bell that is left would ring with every write, and two at once would
// look, rotate and hand over twice.
func TestOneLooksAfterALog(t *testing.T) {
	t.Run("asleep", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *rig) {
			r.start()
			c := r.run("app")
			for i := range 3 {
				r.must(c.Print("stdout", 1, 100))
				r.pass(10 * time.Second)
				// Without a ring, which would take the watch off.
				r.must(os.Rename(c.Path(), fmt.Sprint(c.Path(), aside, i)))
				r.ask(c)
				r.pass(10 * time.Millisecond)
				if armed, awake := r.bell.Armed(), r.metric("logs_awake"); armed != 0 || awake != 1 {
					t.Errorf("woken: %d logs are watched, %v awake", armed, awake)
				}
				r.pass(5 * time.Second)
				if armed, awake := r.bell.Armed(), r.metric("logs_awake"); armed != 1 || awake != 0 {
					t.Errorf("afterwards: %d logs are watched, %v awake", armed, awake)
				}
			}
		})
	})
	t.Run("dozing", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *rig) {
			r.start()
			c := r.run("app")
			for range 3 {
				r.trickle(5*time.Second, c)
				r.setPolicy(r.policy)
				r.pass(2 * time.Millisecond)
				if awake := r.metric("logs_awake"); awake != 1 {
					t.Errorf("woken: %v logs of 1 are awake", awake)
				}
				r.trickle(5*time.Second, c)
				if awake := r.metric("logs_awake"); awake != 1 {
					t.Errorf("afterwards: %v logs of 1 are awake", awake)
				}
			}
		})
	})
}

// TestIdleThenFasterThanEver: a flood that nobody was prepared for is measured within
// some ten milliseconds of the doorbell. What the log did before it slept, and how long
// it slept, says nothing of that.
func TestIdleThenFasterThanEver(t *testing.T) {
	for _, dozed := range []bool{false, true} {
		t.Run(fmt.Sprint("it has dozed: ", dozed), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.policy.MaxSize = 10 * mib
				r.fake.Latency = time.Millisecond
				r.start()
				c := r.run("app")
				r.must(c.Grow(100))
				if dozed {
					r.grow(c, 1000, 5*time.Second)
				}
				r.pass(time.Hour)
				r.grow(c, 500e6, 100*time.Millisecond)
				got := sizes(t, c.Path())
				if len(got) < 3 {
					t.Fatalf("%d rotations", len(got))
				}
				if highest := float64(slices.Max(got)) / float64(10*mib); highest > 1.10 {
					t.Errorf("the largest of %d files is %.3f of the limit", len(got), highest)
				}
			})
		})
	}
}

// TestMissingTwice: another rotator has its second each time that it has moved the log.
func TestMissingTwice(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		for i := range 3 {
			r.print(c, 10e3, 3*time.Second)
			moved := fmt.Sprint(c.Path(), ".2090010", i, "-000000.000000000")
			r.must(r.bell.Change(c.Path(), func() error { return os.Rename(c.Path(), moved) }))
			r.pass(950 * time.Millisecond)
			if got := len(c.Asked()); got != i {
				t.Errorf("reopened before the second was over: %d times, want %d", got, i)
			}
			r.pass(1500 * time.Millisecond)
			if got := len(c.Asked()); got != i+1 {
				t.Errorf("reopened %d times after the second, want %d", got, i+1)
			}
		}
		r.linesOnceEach(c)
		r.inPlace(c)
	})
}

// TestNextAttemptWhileItSettles: a container that begins to write to the path of one that
// has just ended, before that one's log is put in order, is managed like any other.
func TestNextAttemptWhileItSettles(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		first := r.run("app")
		r.pass(10 * time.Second)
		r.exit(first)
		second := r.runAgain("app", "idsecond")
		r.pass(time.Second)
		if !r.managed(second) {
			t.Error("the second one's log is not managed")
		}
	})
}
