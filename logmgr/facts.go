package logmgr

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/event"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// gated is what CRI calls may know of a container without asking the registry. It never
// changes.
type gated struct {
	gate *gate
	path string // absolute log path
}

// gates are what CRI calls may know, by container id.
type gates struct {
	mu sync.RWMutex
	of map[string]*gated
}

func (g *gates) put(id string, one *gated) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.of == nil {
		g.of = map[string]*gated{}
	}
	g.of[id] = one
}

func (g *gates) drop(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.of, id)
}

// get returns nil if the container's log is not managed.
func (g *gates) get(id string) *gated {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.of[id]
}

// Place returns where a container's log belongs by the rules of Kubernetes: the
// pod's log directory, and the log's path relative to it. The error says which
// name is unfit.
func (m *Manager) Place(c Container) (logDirectory, logPath string, err error) {
	podDir, err := logfile.PodDirName(c.Namespace, c.Pod, c.PodUID)
	if err != nil {
		return "", "", err
	}
	logPath, err = logfile.ContainerLogPath(c.Name, c.Attempt)
	return filepath.Join(m.PodLogsDir, podDir), logPath, err
}

// Created tells of a container that the runtime has just made.
func (m *Manager) Created(c Container) {
	m.mail.post(func(r *registry) {
		r.add(c, false)
		r.spawn("confirm container "+c.ID, func(ctx context.Context) { r.learn(ctx, c.ID) })
	})
}

// Started tells that the start of a container has returned, well or not.
func (m *Manager) Started(id string, failed bool) {
	m.mail.post(func(r *registry) { r.started(id, failed) })
}

// Stopped tells that a container was stopped.
func (m *Manager) Stopped(id string) {
	m.mail.post(func(r *registry) { r.setState(id, StateExited) })
}

// Removed tells that a container was removed.
func (m *Manager) Removed(id string) {
	m.mail.post(func(r *registry) { r.remove(id) })
}

// SandboxRemoved tells that a sandbox was removed with all its containers.
func (m *Manager) SandboxRemoved(id string) {
	m.mail.post(func(r *registry) { r.removeSandbox(id) })
}

// Refused counts and reports a name or path that will not be managed.
func (m *Manager) Refused(c Container, err error) {
	m.metrics.refuse(err)
	event.NotManaged.On(m.logFor(c)).WithError(err).Warn("not managing this container's log")
}

// Reconcile compares what is known with the runtime's list at once, as after a
// reconnect.
func (m *Manager) Reconcile() {
	select {
	case m.reconcileCh <- struct{}{}:
	default:
	}
}

// Reconnected tells that the connection to the runtime was made anew: all that may be
// different is asked for again.
func (m *Manager) Reconnected() {
	m.elsewhere.askAnew()
	if m.inability.forget() {
		m.mail.post(func(r *registry) {
			r.countLogs()
			for _, l := range r.logs {
				r.wake(l)
			}
		})
	}
	m.Reconcile()
}

// Hold returns when the container's log path names a file again, if it is just
// being rotated: a reader that has asked for the path is about to open it, and for
// 20 ms the next rotation is put off for it. It takes at most 250 ms.
func (m *Manager) Hold(ctx context.Context, id string) {
	if g := m.gates.get(id); g != nil {
		g.gate.wait(ctx)
	}
}

// BeginReopen waits until no rotation of ours is under way for the container,
// for somebody else who wants its log reopened. If the log is the very file that
// our own last reopen has made, answered is true: the runtime writes to it already,
// and a second reopen would destroy it under a runtime that truncates. That is so
// for whoever has found the log missing in the middle of our rotation, however late
// the call arrives; whoever has renamed the new log needs the reopen. Otherwise the
// caller reopens and then calls done, which must be called exactly once, with the
// outcome.
func (m *Manager) BeginReopen(ctx context.Context, id string) (answered bool, done func(error)) {
	g := m.gates.get(id)
	if g == nil {
		return false, func(error) {}
	}
	if err := g.gate.lock(ctx); err != nil {
		return false, func(error) {} // the caller's time is over; the runtime will see that too
	}
	// The file is looked at only if the answer may be ours: a disk may hang.
	if g.gate.answers() {
		if file, err := fileAt(g.path); err == nil && g.gate.writes(file) {
			g.gate.unlock()
			return true, nil
		}
	}
	g.gate.reopened(logfile.ID{})
	return false, func(err error) {
		g.gate.unlock()
		m.mail.post(func(r *registry) { r.reopenedByOther(id, err) })
	}
}

// fileAt tells which file a path names, without following a link in its last part.
func fileAt(path string) (logfile.ID, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return logfile.ID{}, fmt.Errorf("look at %q: %w", path, err)
	}
	return logfile.ID{Dev: uint64(st.Dev), Ino: st.Ino}, nil //nolint:unconvert // 32 bits wide on some machines
}
