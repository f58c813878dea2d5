package runtimetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// Fault is how one reopen goes other than well. The zero Fault does nothing and
// returns nil.
type Fault struct {
	// Before, if not nil, is called first. It may panic.
	Before func()
	// Wait, if not nil, makes the call hang until it is closed, or until the
	// caller's context is done, whose error is then returned.
	Wait <-chan struct{}
	// MakeOnly makes the new file without writing to it, before the Wait: so it
	// looks when a slow attach client keeps the runtime from swapping.
	MakeOnly bool
	// Swap makes the runtime do what was asked, also if the context is done.
	Swap bool
	// After, if not nil, is called last.
	After func()
	// Err is what is returned. Without logmgr.ErrRefused in it nobody knows
	// whether the log was swapped.
	Err error
}

// Refuse is a definite refusal.
func Refuse() Fault { return Fault{Err: fmt.Errorf("%w: as scripted", logmgr.ErrRefused)} }

// Hang hangs until release is closed and then does what was asked; if the caller
// goes before that, nothing is done.
func Hang(release <-chan struct{}) Fault { return Fault{Wait: release} }

// errScripted leaves open what has happened.
func errScripted() error { return errors.New("connection lost, as scripted") }

// LostAnswer does what was asked, but the answer does not arrive.
func LostAnswer() Fault { return Fault{Swap: true, Err: errScripted()} }

// LostRequest does nothing, and the caller does not learn of that.
func LostRequest() Fault { return Fault{Err: errScripted()} }

// Script sets how the next reopens of the container go; those after go well.
func (c *Container) Script(faults ...Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, faults...)
}

// begin takes the next fault.
func (c *Container) begin() *Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, time.Now())
	if c.reopening++; c.reopening > 1 {
		c.overlaps++
	}
	if len(c.faults) == 0 {
		return nil
	}
	fault := c.faults[0]
	c.faults = c.faults[1:]
	return &fault
}

func (c *Container) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reopening--
}

func (c *Container) reopen(ctx context.Context) error {
	fault := c.begin()
	defer c.end()
	if fault != nil && fault.Before != nil {
		fault.Before()
	}
	if c.State() != logmgr.StateRunning {
		return fmt.Errorf("%w: container %q is not running", logmgr.ErrRefused, c.facts.ID)
	}
	latency := c.fake.Latency
	if c.fake.Jitter != nil {
		latency += c.fake.Jitter()
	}
	if latency > 0 {
		timer := time.NewTimer(latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if fault == nil {
		return c.swap()
	}
	return c.fail(ctx, fault)
}

func (c *Container) fail(ctx context.Context, fault *Fault) error {
	if fault.MakeOnly {
		file, err := os.OpenFile(c.path, os.O_CREATE|os.O_WRONLY, 0o640)
		if err != nil {
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	swap, err := fault.Swap, fault.Err
	if fault.Wait != nil {
		select {
		case <-fault.Wait:
			swap = swap || err == nil
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if swap {
		err = errors.Join(c.swap(), err)
	}
	if fault.After != nil {
		fault.After()
	}
	return err
}

// swap opens the log's path and writes there from now on.
func (c *Container) swap() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return fmt.Errorf("%w: container %q is not running", logmgr.ErrRefused, c.facts.ID)
	}
	open := c.openAppending
	if c.fake.Style == Conmon {
		open = c.openOver
	}
	file, err := open()
	if err != nil {
		return err
	}
	old := c.file
	c.file = file
	c.reopens++
	if c.fake.FlushAfter == 0 {
		return old.Close()
	}
	return c.flushLater(old)
}

func (c *Container) openAppending() (*os.File, error) {
	if err := makeDir(filepath.Dir(c.path)); err != nil {
		return nil, err
	}
	return os.OpenFile(c.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
}

// openOver does not append and does not care what was there.
func (c *Container) openOver() (*os.File, error) {
	if info, err := os.Lstat(c.path); err == nil {
		c.destroyed += info.Size()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	tmp := c.path + ".tmp"
	file, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, err
	}
	if err := os.Rename(tmp, c.path); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// flushLater cuts the next line of stdout in two: its end goes to the new file
// now, its beginning to the old one when the flush has come so far. Without a
// rename both are one file, and nothing is pending.
func (c *Container) flushLater(old *os.File) error {
	if was, err := old.Stat(); err != nil {
		return err
	} else if is, err := c.file.Stat(); err != nil || os.SameFile(was, is) {
		return errors.Join(err, old.Close())
	}
	c.lines["stdout"]++
	begin := fmt.Appendf(nil, "%s stdout P stdout %d ", lineTime, c.lines["stdout"])
	if err := c.write(fmt.Appendf(nil, "%s stdout F flushed late\n", lineTime)); err != nil {
		return err
	}
	c.fake.flushes.Go(func() {
		<-time.After(c.fake.FlushAfter)
		_, err := old.Write(append(begin, '\n'))
		if err := errors.Join(err, old.Close()); err != nil {
			panic(err) // nobody is there to return it to, and no test can go on
		}
	})
	return nil
}
