package logmgr

import (
	"context"
	"sync"
	"time"
)

// longestHold is how long a reader's question about a container may be held
// while its log is between rename and reopen.
const longestHold = 250 * time.Millisecond

// gate is what CRI calls and the rotation of one container share: the rotation
// lock, and the window in which the log's path names nothing.
type gate struct {
	turn chan struct{} // holds a token while nobody rotates

	mu       sync.Mutex
	window   chan struct{} // closed when the window ends; nil outside of one
	reopened uint64        // how many reopens of ours have ended well
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

// wait returns when no window is open, at the latest after longestHold.
func (g *gate) wait(ctx context.Context) {
	g.mu.Lock()
	window := g.window
	g.mu.Unlock()
	if window == nil {
		return
	}
	select {
	case <-window:
	case <-ctx.Done():
	}
}

func (g *gate) countReopen() {
	g.mu.Lock()
	g.reopened++
	g.mu.Unlock()
}

func (g *gate) reopens() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.reopened
}
