package logmgr

import (
	"context"
	"sync"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// longestHold is how long a reader's question about a container may be held
// while its log is between rename and reopen.
const longestHold = 250 * time.Millisecond

// gate is what CRI calls and the rotation of one container share: the rotation
// lock, and the window in which the log's path names nothing, or is about to.
type gate struct {
	turn chan struct{} // holds a token while nobody rotates

	mu      sync.Mutex
	window  chan struct{} // closed when the window ends; nil outside of one
	waiting int           // readers that are held
	passed  time.Time     // when a reader was let go last; zero: never yet
	opened  logfile.ID    // the file that our reopen has made, if it was the last one; else zero
}

func newGate() *gate {
	g := &gate{turn: make(chan struct{}, 1)}
	g.turn <- struct{}{}
	return g
}

// lock waits for the rotation lock.
func (g *gate) lock(ctx context.Context) error {
	select {
	case <-g.turn:
		return nil
	default:
	}
	select {
	case <-g.turn:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g *gate) unlock() { g.turn <- struct{}{} }

// openWindow lets readers wait until the returned function is called, or until
// longestHold has passed. The function may be called more than once.
func (g *gate) openWindow() (end func()) {
	window := make(chan struct{})
	g.mu.Lock()
	g.window = window
	g.mu.Unlock()
	shut := sync.OnceFunc(func() {
		g.mu.Lock()
		if g.window == window {
			g.window = nil
		}
		g.mu.Unlock()
		close(window)
	})
	timer := time.AfterFunc(longestHold, shut)
	return func() {
		timer.Stop()
		shut()
	}
}

// wait returns when no window is open, at the latest after longestHold. Its caller is a
// reader that opens the log next.
func (g *gate) wait(ctx context.Context) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if window := g.window; window != nil {
		g.waiting++
		g.mu.Unlock()
		select {
		case <-window:
		case <-ctx.Done():
		}
		g.mu.Lock()
		g.waiting--
	}
	g.passed = time.Now()
}

// awaited tells whether a reader is held.
func (g *gate) awaited() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting > 0
}

// openingLeft is for how long the reader that was let go last may still take to open the
// log; not more than 0: every one has.
func (g *gate) openingLeft() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return openingTime - time.Since(g.passed)
}

// reopened notes what the last reopen has made: zero if that is not known, or was not
// ours to ask for. The caller has the turn, as for writes.
func (g *gate) reopened(file logfile.ID) {
	g.mu.Lock()
	g.opened = file
	g.mu.Unlock()
}

// answers tells whether there is a file of which writes may be true.
func (g *gate) answers() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.opened != (logfile.ID{})
}

// writes tells whether the runtime is known to write to file, since a reopen of ours
// has made it and nobody has asked for another one.
func (g *gate) writes(file logfile.ID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.opened != (logfile.ID{}) && file == g.opened
}
