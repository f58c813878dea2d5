package testbed

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// StartWithClock starts the shim with a clock that SetClock can make wrong, and waits until
// it serves. Only what the process itself takes for the time of day is wrong, not how it
// measures how long something takes, nor the times of files.
func (s *Shim) StartWithClock(ctx context.Context) error {
	if err := s.SetClock(0); err != nil {
		return err
	}
	if err := s.launch(s.strike, "-clock", s.clockFile(), "--"); err != nil {
		return fmt.Errorf("start cri-logshim with a clock of its own: %w", err)
	}
	return s.serves(ctx)
}

// SetClock sets by how much the clock of StartWithClock is ahead, in whole seconds.
func (s *Shim) SetClock(ahead time.Duration) error {
	text := strconv.FormatInt(int64(ahead/time.Second), 10)
	err := os.WriteFile(s.clockFile()+".new", []byte(text), 0o600)
	if err == nil {
		err = os.Rename(s.clockFile()+".new", s.clockFile())
	}
	if err != nil {
		return fmt.Errorf("set the clock of cri-logshim: %w", err)
	}
	return nil
}

func (s *Shim) clockFile() string { return filepath.Join(s.dir, "clock") }
