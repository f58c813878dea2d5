package runtimetest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// Container is one container of a Fake.
type Container struct {
	fake  *Fake
	facts logmgr.Container
	path  string // of the log, absolute; empty: the output is thrown away

	mu        sync.Mutex
	state     logmgr.State
	output    string   // where its output goes; empty: to path
	file      *os.File // while it runs
	lines     map[string]uint64
	faults    []Fault
	asked     []time.Time
	reopening int
	reopens   int
	overlaps  int
	destroyed int64
}

// ID is the container's id.
func (c *Container) ID() string { return c.facts.ID }

// Facts are what the container was made with.
func (c *Container) Facts() logmgr.Container { return c.facts }

// Path is the absolute path of its log.
func (c *Container) Path() string { return c.path }

// State is its state now.
func (c *Container) State() logmgr.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Start opens the log and runs the container.
func (c *Container) Start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if output := cmp.Or(c.output, c.path); output != "" {
		file, err := os.OpenFile(output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
		if err != nil {
			return err
		}
		c.file = file
	}
	c.state = logmgr.StateRunning
	return nil
}

// Exit ends the container, if it runs.
func (c *Container) Exit() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = logmgr.StateExited
	if c.file == nil {
		return nil
	}
	file := c.file
	c.file = nil
	return file.Close()
}

// lineTime is the time on every line: tests look at numbers.
const lineTime = "2026-11-21T01:02:03.000000004Z"

// Print writes count numbered lines of about length bytes to a stream.
func (c *Container) Print(stream string, count, length int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var text bytes.Buffer
	padding := bytes.Repeat([]byte("x"), length)
	for range count {
		c.lines[stream]++
		start := text.Len()
		text.WriteString(lineTime + " " + stream + " F " + stream + " " + strconv.FormatUint(c.lines[stream], 10) + " ")
		text.Write(padding[:max(0, length-1-(text.Len()-start))])
		text.WriteByte('\n')
	}
	return c.write(text.Bytes())
}

// Finish writes each stream's last line, which says how many came before it.
func (c *Container) Finish() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for stream, n := range c.lines {
		errs = append(errs, c.write(fmt.Appendf(nil, "%s %s F %s done %d\n", lineTime, stream, stream, n)))
	}
	return errors.Join(errs...)
}

// Grow makes the log longer by n bytes that are no lines and take no space: for
// tests that only look at sizes.
func (c *Container) Grow(n int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return fmt.Errorf("grow: %w", fs.ErrClosed)
	}
	info, err := c.file.Stat()
	if err != nil {
		return err
	}
	err = c.file.Truncate(info.Size() + n)
	c.fake.Bell.changed(info)
	return err
}

func (c *Container) write(text []byte) error {
	if c.file == nil {
		return fmt.Errorf("print: %w", fs.ErrClosed)
	}
	if _, err := c.file.Write(text); err != nil {
		return err
	}
	info, err := c.file.Stat()
	if err != nil {
		return err
	}
	c.fake.Bell.changed(info)
	return nil
}

// Written is how many lines were written to each stream.
func (c *Container) Written() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.lines)
}

// Reopens is how many reopens have swapped the log.
func (c *Container) Reopens() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reopens
}

// Asked is when a reopen was asked for.
func (c *Container) Asked() []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.asked)
}

// Overlaps is how often a reopen was asked for before the one before it had
// returned.
func (c *Container) Overlaps() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.overlaps
}

// Destroyed is how many bytes of the log were lost by reopens without a rename
// before them.
func (c *Container) Destroyed() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.destroyed
}

func makeDir(path string) error { return os.MkdirAll(path, 0o755) }
