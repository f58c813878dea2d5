package logmgr

import (
	"context"
	"errors"
	"fmt"
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

var errEmpty = errors.New("the log is empty")

// order is a rotation that somebody waits for. Those who ask for the same log share one.
type order struct {
	done chan struct{} // closed when the rest is set
	made Rotation
	err  error
}

// answer ends the order that a log has, if it has one.
func (l *containerLog) answer(made Rotation, err error) {
	if o := l.order.Swap(nil); o != nil {
		o.made, o.err = made, err
		close(o.done)
	}
}

// errNotRotated is why an attempt has come to nothing.
func errNotRotated(mishap string) error {
	if mishap == "" {
		return errors.New("somebody else was rotating the log, or its readers have to catch up first; try again")
	}
	return errors.New(mishap)
}

// last is what went wrong last, just now.
func (m *meter) last() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.mishapAt) > reopenTimeout {
		return ""
	}
	return m.mishap
}

// Rotate has the log of a running container rotated now, by whoever tends it, and waits for
// that. The error wraps ErrNotFound if no such container is known, and ErrNotRotated if there was
// nothing to rotate. What was asked for may be done later than ctx.
func (m *Manager) Rotate(ctx context.Context, id string) (Rotation, error) {
	if m.waiting.Load() { // it would be done much later, when nobody expects it any more
		return Rotation{}, fmt.Errorf("%w: %w", ErrNotRotated, errOthers)
	}
	var o *order
	var err error
	if asked := m.ask(ctx, func(r *registry) { o, err = r.order(id) }); asked != nil {
		return Rotation{}, asked
	}
	if err != nil {
		return Rotation{}, err
	}
	select {
	case <-o.done:
	case <-ctx.Done():
		return Rotation{}, fmt.Errorf("the rotation is still under way: %w", context.Cause(ctx))
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
		return nil, fmt.Errorf("%w: rotation is off for this log (maxSize: 0)", ErrNotRotated)
	}
	if reason := r.unmanaged(c); reason != "" {
		return nil, fmt.Errorf("%w: %s", ErrNotRotated, reason)
	}
	l := c.log
	o := l.order.Load()
	if o == nil {
		o = &order{done: make(chan struct{})}
		l.order.Store(o)
	}
	r.wake(l)
	return o, nil
}

// Rotate is not what an Observer does.
func (o *Observer) Rotate(context.Context, string) (Rotation, error) {
	return Rotation{}, fmt.Errorf("%w: %s", ErrNotRotated, notInObserve)
}
