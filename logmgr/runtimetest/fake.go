package runtimetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// Style is how a runtime writes and reopens logs.
type Style int

// The styles.
const (
	// Containerd opens a log to append to it. A reopen without a rename before it
	// does no harm.
	Containerd Style = iota
	// Conmon makes a new file and renames it over the log: a reopen without a
	// rename before it destroys the log.
	Conmon
)

// Fake is a container runtime. Its fields are set before it is used.
type Fake struct {
	Style Style
	// Bell, if there is one, rings when a container writes.
	Bell *Doorbell
	// Latency is how long a reopen takes.
	Latency time.Duration
	// Jitter, if not nil, tells how much longer each reopen takes.
	Jitter func() time.Duration
	// FlushAfter, if not 0, is how long after a reopen a partial line is still
	// written to the old file, which stays open until then.
	FlushAfter time.Duration

	flushes sync.WaitGroup

	mu         sync.Mutex
	onList     func(ctx context.Context) error
	onStatus   func(ctx context.Context, id string) error
	containers map[string]*Container
	lists      int
}

// NewFake returns a runtime without containers.
func NewFake() *Fake { return &Fake{containers: map[string]*Container{}} }

// OnList sets what comes between the making of a list and its arrival; it may take
// long, panic or fail. nil ends it.
func (f *Fake) OnList(do func(ctx context.Context) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onList = do
}

// OnStatus is OnList for the status of a container.
func (f *Fake) OnStatus(do func(ctx context.Context, id string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onStatus = do
}

// Make makes a container and the directory of its log, but does not start it. A
// relative LogPath lies in the LogDirectory.
func (f *Fake) Make(facts logmgr.Container) (*Container, error) {
	c := &Container{fake: f, facts: facts, state: logmgr.StateCreated, lines: map[string]uint64{}}
	if facts.LogPath != "" {
		c.path = facts.LogPath
		if facts.LogDirectory != "" {
			c.path = filepath.Join(facts.LogDirectory, facts.LogPath)
		}
		if err := makeDir(filepath.Dir(c.path)); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.containers[facts.ID] != nil {
		return nil, fmt.Errorf("container %q exists", facts.ID)
	}
	f.containers[facts.ID] = c
	return c, nil
}

// Remove forgets a container and ends it. Its log stays.
func (f *Fake) Remove(id string) error {
	f.mu.Lock()
	c := f.containers[id]
	delete(f.containers, id)
	f.mu.Unlock()
	if c == nil {
		return notFound(id)
	}
	return c.Exit()
}

// Lists is how often the list was asked for.
func (f *Fake) Lists() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lists
}

// Flushed waits until nothing is left to be flushed to old files.
func (f *Fake) Flushed() { f.flushes.Wait() }

// Close ends all containers and waits until everything is flushed.
func (f *Fake) Close() error {
	f.mu.Lock()
	all := slices.Collect(maps.Values(f.containers))
	f.mu.Unlock()
	var errs []error
	for _, c := range all {
		errs = append(errs, c.Exit())
	}
	f.Flushed()
	return errors.Join(errs...)
}

// List implements logmgr.Runtime.
func (f *Fake) List(ctx context.Context) ([]logmgr.Listed, error) {
	f.mu.Lock()
	f.lists++
	all, do := slices.Collect(maps.Values(f.containers)), f.onList
	f.mu.Unlock()
	var list []logmgr.Listed
	for _, c := range all {
		list = append(list, logmgr.Listed{ID: c.facts.ID, State: c.State()})
	}
	if do != nil {
		if err := do(ctx); err != nil {
			return nil, err
		}
	}
	return list, ctx.Err()
}

// Status implements logmgr.Runtime. As in CRI, only the whole log path is known.
func (f *Fake) Status(ctx context.Context, id string) (logmgr.Container, error) {
	c, err := f.container(id)
	if err != nil {
		return logmgr.Container{}, err
	}
	facts := c.facts
	facts.State, facts.LogPath, facts.LogDirectory = c.State(), c.path, ""
	f.mu.Lock()
	do := f.onStatus
	f.mu.Unlock()
	if do != nil {
		if err := do(ctx, id); err != nil {
			return logmgr.Container{}, err
		}
	}
	return facts, ctx.Err()
}

// ReopenLog implements logmgr.Runtime.
func (f *Fake) ReopenLog(ctx context.Context, id string) error {
	c, err := f.container(id)
	if err != nil {
		return err
	}
	return c.reopen(ctx)
}

func (f *Fake) container(id string) (*Container, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.containers[id]; c != nil {
		return c, nil
	}
	return nil, notFound(id)
}

func notFound(id string) error {
	return fmt.Errorf("container %q: %w: %w", id, logmgr.ErrRefused, logmgr.ErrNotFound)
}
