package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// watchInterval is how often a log directory is looked at.
const watchInterval = 25 * time.Millisecond

// dirSeen is the most that was found in a log directory at any look.
type dirSeen struct {
	disk    int64 // bytes that the files take on disk together
	current int64 // bytes of the current log
}

// dirWatch looks at the directory of a log again and again.
type dirWatch struct {
	stop  context.CancelFunc
	ended chan struct{}
	seen  dirSeen // after ended
	err   error   // after ended
}

// watchDir begins to watch; the caller has to end it.
func watchDir(ctx context.Context, log string) *dirWatch {
	ctx, cancel := context.WithCancel(ctx)
	w := &dirWatch{stop: cancel, ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		tick := time.NewTicker(watchInterval)
		defer tick.Stop()
		for w.err == nil {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				w.err = w.seen.look(log)
			}
		}
	}()
	return w
}

// end returns what was seen.
func (w *dirWatch) end() (dirSeen, error) {
	w.stop()
	<-w.ended
	return w.seen, w.err
}

// look takes one look. Files that vanish meanwhile count nothing.
func (s *dirSeen) look(log string) error {
	entries, err := os.ReadDir(filepath.Dir(log))
	if err != nil {
		return err
	}
	var disk int64
	for _, entry := range entries {
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		disk += info.Sys().(*syscall.Stat_t).Blocks * 512
		if entry.Name() == filepath.Base(log) {
			s.current = max(s.current, info.Size())
		}
	}
	s.disk = max(s.disk, disk)
	return nil
}
