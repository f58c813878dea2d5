package logmgr

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Rotation is one that was made.
type Rotation struct {
	File  string // its name
	Bytes int64
}

// ErrNotRotated marks the reason why a log was not rotated though somebody has asked for it:
// there was nothing to rotate, or it is not ours to rotate.
var ErrNotRotated = errors.New("not rotated")

var (
	errEmpty        = errors.New("the log is empty")
	errMissing      = errors.New("the log is missing")
	errOff          = errors.New("rotation is off for this log (maxSize: 0)")
	errWhereabouts  = errors.New("the runtime does not tell where its output is")
	errOtherRotator = errors.New("somebody else was rotating the log, or its readers have to catch up first; try again")
)

// order is a rotation that somebody waits for. Those who ask for the same log share one.
type order struct {
	of      *containerLog
	waiting atomic.Int32  // how many wait for it; nobody joins those who have all gone
	done    chan struct{} // closed when the rest is set
	made    Rotation
	err     error
}

// answer ends the order that a log has, if it has one.
func (l *containerLog) answer(made Rotation, err error) {
	if o := l.order.Swap(nil); o != nil {
		o.made, o.err = made, err
		close(o.done)
	}
}

// fail complains of what went wrong, and answers with it the order that the log has.
func (t *tender) fail(what string, err error) {
	t.l.answer(Rotation{}, t.l.fault(what, err))
}

// waitInVain answers an order once nobody has told for a while where the output is.
func (t *tender) waitInVain(now time.Time) {
	if now.Sub(t.proof.since) >= answerPatience {
		t.l.answer(Rotation{}, errWhereabouts)
	}
}

// Rotate has the log of a running container rotated now, by whoever tends it, and waits for
// that. The error wraps ErrNotFound if no such container is known, and ErrNotRotated if there was
// nothing to rotate. What is not yet begun when ctx is done is not done any more.
func (m *Manager) Rotate(ctx context.Context, id string) (Rotation, error) {
	if m.waiting.Load() { // it would be done much later, when nobody expects it any more
		return Rotation{}, fmt.Errorf("%w: %w", ErrNotRotated, errOthers)
	}
	var o *order
	var err error
	asked := m.ask(ctx, func(r *registry) { o, err = r.order(id) })
	if asked != nil {
		m.mail.post(func(*registry) { // comes after what was asked
			if o != nil {
				o.abandon()
			}
		})
		return Rotation{}, asked
	}
	if err != nil {
		return Rotation{}, err
	}
	select {
	case <-o.done:
	case <-ctx.Done():
		o.abandon()
		return Rotation{}, fmt.Errorf("the rotation is not done yet, and given up unless it is under way: %w", context.Cause(ctx))
	}
	if o.err != nil {
		return o.made, fmt.Errorf("%w: %w", ErrNotRotated, o.err)
	}
	return o.made, nil
}

// order gives the order to the log of a container, unless there is a reason against it.
func (r *registry) order(id string) (*order, error) {
	c := r.containers[id]
	switch {
	case c == nil:
		return nil, fmt.Errorf("container %q: %w", id, ErrNotFound)
	case c.log == nil:
		return nil, fmt.Errorf("%w: %s", ErrNotRotated, r.viewOfNone(c).NotManaged)
	case c.State != StateRunning:
		return nil, fmt.Errorf("%w: the container does not run", ErrNotRotated)
	case c.log.live != c:
		return nil, fmt.Errorf("%w: another container writes to the same log", ErrNotRotated)
	case !c.log.policy.Load().rotates():
		return nil, fmt.Errorf("%w: %w", ErrNotRotated, errOff)
	}
	if reason := r.unmanaged(c); reason != "" {
		return nil, fmt.Errorf("%w: %s", ErrNotRotated, reason)
	}
	l := c.log
	o := l.order.Load()
	if o == nil || !o.join() {
		o = &order{of: l, done: make(chan struct{})}
		o.waiting.Store(1)
		l.order.Store(o)
	}
	r.wake(l)
	return o, nil
}

// join tells whether there is one more who waits for the order.
func (o *order) join() bool {
	for n := o.waiting.Load(); n > 0; n = o.waiting.Load() {
		if o.waiting.CompareAndSwap(n, n+1) {
			return true
		}
	}
	return false
}

// abandon takes the order back for one who waits for it no longer.
func (o *order) abandon() {
	if o.waiting.Add(-1) == 0 {
		o.of.order.CompareAndSwap(o, nil)
	}
}

// Rotate is not what an Observer does.
func (o *Observer) Rotate(context.Context, string) (Rotation, error) {
	return Rotation{}, fmt.Errorf("%w: %s", ErrNotRotated, notInObserve)
}
