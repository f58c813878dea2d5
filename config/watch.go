package config

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long after a first event the file is looked at, so that an
// editor's several steps are one change.
const settle = 100 * time.Millisecond

// Watch calls changed whenever the content of the file at path may have
// changed, and once at the start, since it may have changed after the caller
// read it. A file that disappears counts as changed. Watch returns nil when
// ctx is done, and an error when the directory of the file cannot be watched
// or is removed.
//
// The directory is watched and not the file: editors replace files by renaming,
// and a ConfigMap mount replaces ..data, the link that the file is reached by.
func Watch(ctx context.Context, path string, changed func()) (err error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch %q: %w", path, err)
	}
	defer func() { err = errors.Join(err, watcher.Close()) }()
	dir := filepath.Dir(path)
	if err := watcher.Add(dir); err != nil {
		return fmt.Errorf("watch %q: %w", dir, err)
	}

	f := follower{
		dir:     dir,
		events:  watcher.Events,
		errors:  watcher.Errors,
		look:    func() [sha256.Size]byte { return fingerprint(path) },
		changed: changed,
	}
	return f.run(ctx)
}

// follower turns events of a directory into calls of changed.
type follower struct {
	dir     string
	events  <-chan fsnotify.Event
	errors  <-chan error
	look    func() [sha256.Size]byte
	changed func()
}

func (f follower) run(ctx context.Context) error {
	seen := f.look()
	f.changed()
	// The wait begins with the first event and is not put off by later ones: a
	// directory in which something is written all the time must not starve it.
	var due <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case event := <-f.events:
			if event.Name == f.dir && event.Has(fsnotify.Remove|fsnotify.Rename) {
				return fmt.Errorf("watch %q: the directory was removed", f.dir)
			}
			due = begin(due)
		case err := <-f.errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return fmt.Errorf("watch %q: %w", f.dir, err)
			}
			due = begin(due)
		case <-due:
			due = nil
			if now := f.look(); now != seen {
				seen = now
				f.changed()
			}
		}
	}
}

func begin(due <-chan time.Time) <-chan time.Time {
	if due != nil {
		return due
	}
	return time.After(settle)
}

// fingerprint tells contents apart; a file that cannot be read has the zero
// one.
func fingerprint(path string) [sha256.Size]byte {
	data, err := Read(path)
	if err != nil {
		return [sha256.Size]byte{}
	}
	return sha256.Sum256(data)
}
