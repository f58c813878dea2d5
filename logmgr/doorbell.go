package logmgr

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// Doorbell tells once that a file has changed.
type Doorbell interface {
	// Arm makes ring be called once, when the file at path is next written,
	// moved or removed. Arming an armed path replaces its ring.
	Arm(path string, ring func()) error
	// Disarm takes the watch off. The ring may still be under way.
	Disarm(path string)
}

// Inotify is the Doorbell of the kernel.
type Inotify struct {
	opened chan *fsnotify.Watcher // is given the instance for Run, once

	mu      sync.Mutex
	watcher *fsnotify.Watcher // nil until an instance could be had
	over    bool              // Run has ended
	rings   map[string]func()
}

// NewInotify returns a doorbell of which Run must be called to hear it ring. The
// kernel is asked for an inotify instance when it is first armed, and, if it has none
// left, each time after that.
func NewInotify() *Inotify {
	return &Inotify{opened: make(chan *fsnotify.Watcher, 1), rings: map[string]func(){}}
}

// open returns the instance.
func (b *Inotify) open() (*fsnotify.Watcher, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.over:
		return nil, fsnotify.ErrClosed
	case b.watcher != nil:
		return b.watcher, nil
	}
	w, err := fsnotify.NewBufferedWatcher(64)
	if err != nil {
		return nil, fmt.Errorf("open inotify: %w", err)
	}
	b.watcher = w
	b.opened <- w
	return w, nil
}

// close ends the instance, and keeps another one from being opened.
func (b *Inotify) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	if b.watcher == nil {
		return nil
	}
	return b.watcher.Close()
}

// Arm implements Doorbell.
func (b *Inotify) Arm(path string, ring func()) error {
	w, err := b.open()
	if err != nil {
		return fmt.Errorf("watch %q: %w", path, err)
	}
	b.mu.Lock()
	b.rings[path] = ring
	b.mu.Unlock()
	// Outside the lock: fsnotify takes its own, which it may hold while it
	// delivers an event to us.
	if err := w.Add(path); err != nil {
		b.take(path)
		return fmt.Errorf("watch %q: %w", path, err)
	}
	return nil
}

// Disarm implements Doorbell.
func (b *Inotify) Disarm(path string) {
	b.take(path)
	b.mu.Lock()
	w := b.watcher
	b.mu.Unlock()
	if w != nil {
		//nolint:errcheck // the kernel itself has taken the watch off when the file was removed
		w.Remove(path)
	}
}

// Run delivers the rings until ctx is done, then closes the inotify instance.
func (b *Inotify) Run(ctx context.Context) error {
	var w *fsnotify.Watcher
	select {
	case <-ctx.Done():
		return b.close()
	case w = <-b.opened:
	}
	for {
		select {
		case <-ctx.Done():
			return b.close()
		case event, open := <-w.Events:
			if !open {
				return errors.New("inotify was closed")
			}
			if ring := b.take(event.Name); ring != nil {
				ring()
			}
		case <-w.Errors: //nolint:errcheck // see below
			// An overflow means that events are lost, so anybody may have rung.
			// Other errors are as rare and the same look answers them.
			b.ringAll()
		}
	}
}

func (b *Inotify) take(path string) func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	ring := b.rings[path]
	delete(b.rings, path)
	return ring
}

func (b *Inotify) ringAll() {
	b.mu.Lock()
	rings := b.rings
	b.rings = map[string]func(){}
	b.mu.Unlock()
	for _, ring := range rings {
		ring()
	}
}
