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
	watcher *fsnotify.Watcher

	mu    sync.Mutex
	rings map[string]func()
}

// NewInotify opens an inotify instance; Run must be called to hear it ring.
func NewInotify() (*Inotify, error) {
	w, err := fsnotify.NewBufferedWatcher(64)
	if err != nil {
		return nil, fmt.Errorf("open inotify: %w", err)
	}
	return &Inotify{watcher: w, rings: map[string]func(){}}, nil
}

// Arm implements Doorbell.
func (b *Inotify) Arm(path string, ring func()) error {
	b.mu.Lock()
	b.rings[path] = ring
	b.mu.Unlock()
	// Outside the lock: fsnotify takes its own, which it may hold while it
	// delivers an event to us.
	if err := b.watcher.Add(path); err != nil {
		b.take(path)
		return fmt.Errorf("watch %q: %w", path, err)
	}
	return nil
}

// Disarm implements Doorbell.
func (b *Inotify) Disarm(path string) {
	b.take(path)
	//nolint:errcheck // the kernel itself has taken the watch off when the file was removed
	b.watcher.Remove(path)
}

// Run delivers the rings until ctx is done, then closes the inotify instance.
func (b *Inotify) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return b.watcher.Close()
		case event, open := <-b.watcher.Events:
			if !open {
				return errors.New("inotify was closed")
			}
			if ring := b.take(event.Name); ring != nil {
				ring()
			}
		case <-b.watcher.Errors: //nolint:errcheck // see below
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

// NoDoorbell is the Doorbell where there is none: every log is looked at
// regularly instead.
type NoDoorbell struct{}

// Arm implements Doorbell.
func (NoDoorbell) Arm(path string, _ func()) error {
	return fmt.Errorf("watch %q: no inotify instance", path)
}

// Disarm implements Doorbell.
func (NoDoorbell) Disarm(string) {}
