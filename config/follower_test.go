package config

import (
	"crypto/sha256"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// directory is what a follower sees.
type directory struct {
	events  chan fsnotify.Event
	errors  chan error
	ended   chan error
	content atomic.Int32
	calls   atomic.Int32
}

// follow runs a follower of a made-up directory for the length of a test in a
// synctest bubble, where time passes only while everybody waits.
func follow(t *testing.T) *directory {
	t.Helper()
	d := &directory{events: make(chan fsnotify.Event), errors: make(chan error), ended: make(chan error, 1)}
	f := follower{
		dir:     "/conf",
		events:  d.events,
		errors:  d.errors,
		look:    func() [sha256.Size]byte { return [sha256.Size]byte{byte(d.content.Load())} },
		changed: func() { d.calls.Add(1) },
	}
	go func() { d.ended <- f.run(t.Context()) }()
	synctest.Wait()
	return d
}

func (d *directory) event() {
	d.events <- fsnotify.Event{Name: "/conf/config.yaml", Op: fsnotify.Write}
	synctest.Wait()
}

func (d *directory) passes(duration time.Duration) {
	time.Sleep(duration) // Of the bubble's clock.
	synctest.Wait()
}

func (d *directory) wantCalls(t *testing.T, want int32, when string) {
	t.Helper()
	if got := d.calls.Load(); got != want {
		t.Errorf("%s: %d calls, want %d", when, got, want)
	}
}

func TestSeveralEventsAreOneChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := follow(t)
		d.wantCalls(t, 1, "at the start")
		d.content.Store(1)
		for range 3 {
			d.event()
			d.passes(settle / 10)
		}
		d.wantCalls(t, 1, "before it settles")
		d.passes(settle)
		d.wantCalls(t, 2, "after it settles")
	})
}

func TestSameContentIsNoChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := follow(t)
		for range 5 {
			d.event()
			d.passes(2 * settle)
		}
		d.wantCalls(t, 1, "after events about nothing")
		d.content.Store(1)
		d.event()
		d.passes(2 * settle)
		d.wantCalls(t, 2, "after a change")
	})
}

func TestABusyDirectoryDoesNotStarveAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := follow(t)
		d.content.Store(1)
		for range 20 {
			d.event()
			d.passes(settle / 10)
		}
		d.wantCalls(t, 2, "during a stream of events")
	})
}

func TestLostEventsAreLookedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := follow(t)
		d.content.Store(1)
		d.errors <- fsnotify.ErrEventOverflow
		d.passes(2 * settle)
		d.wantCalls(t, 2, "after an overflow")
		broken := errors.New("broken")
		d.errors <- broken
		synctest.Wait()
		if err := <-d.ended; !errors.Is(err, broken) {
			t.Errorf("ended with %v, want %v", err, broken)
		}
	})
}
