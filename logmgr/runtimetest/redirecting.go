package runtimetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// Redirecting is a Fake that may keep the output elsewhere, as Docker does, and cannot
// reopen a log there. It makes no links.
type Redirecting struct {
	*Fake
	// Default is where the output of containers goes for which nothing else was Put; at
	// first to no file at all.
	Default logmgr.Redirection

	mu         sync.Mutex
	places     map[string]logmgr.Redirection
	asked      map[string]int
	onRedirect func(ctx context.Context, id string) error
}

// NewRedirecting returns a runtime without containers.
func NewRedirecting() *Redirecting {
	return &Redirecting{
		Fake: NewFake(), Default: logmgr.Redirection{Elsewhere: true, Driver: "none"},
		places: map[string]logmgr.Redirection{}, asked: map[string]int{},
	}
}

// Put sets where a container's output is, and lets it write there once it is started. The
// file's directory is made.
func (r *Redirecting) Put(id string, to logmgr.Redirection) error {
	r.mu.Lock()
	r.places[id] = to
	r.mu.Unlock()
	c, err := r.container(id)
	if err != nil || to.Path == "" {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.output = to.Path
	return makeDir(filepath.Dir(to.Path))
}

// OnRedirect sets what comes before each answer where a container's output is; it may take
// long, panic or fail. nil ends it.
func (r *Redirecting) OnRedirect(do func(ctx context.Context, id string) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.onRedirect = do
}

// AskedFor is how often it was asked where a container's output is.
func (r *Redirecting) AskedFor(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked[id]
}

// Redirect implements logmgr.Redirector.
func (r *Redirecting) Redirect(ctx context.Context, id string) (logmgr.Redirection, error) {
	r.mu.Lock()
	r.asked[id]++
	to, known := r.places[id]
	do := r.onRedirect
	r.mu.Unlock()
	if do != nil {
		if err := do(ctx, id); err != nil {
			return logmgr.Redirection{}, err
		}
	}
	if _, err := r.container(id); err != nil {
		return logmgr.Redirection{}, err
	}
	if !known {
		to = r.Default
	}
	return to, ctx.Err()
}

// ReopenLog implements logmgr.Runtime.
func (r *Redirecting) ReopenLog(ctx context.Context, id string) error {
	r.mu.Lock()
	to, known := r.places[id]
	r.mu.Unlock()
	if !known {
		to = r.Default
	}
	if !to.Elsewhere {
		return r.Fake.ReopenLog(ctx, id)
	}
	return fmt.Errorf("container %q: %w", id, logmgr.ErrCannotReopen)
}

// Rotate does what Docker does when a container's file has reached its limit: the files
// are renamed to the next number, the oldest beyond keep goes, and a new one is opened.
// With keep 1 the file is cut.
func (r *Redirecting) Rotate(id string, keep int) error {
	c, err := r.container(id)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return fmt.Errorf("rotate: %w", fs.ErrClosed)
	}
	for n := keep - 1; n > 0; n-- {
		from := fmt.Sprintf("%s.%d", c.output, n-1)
		if n == 1 {
			from = c.output
		}
		if err := os.Rename(from, fmt.Sprintf("%s.%d", c.output, n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	old := c.file
	if c.file, err = os.OpenFile(c.output, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640); err != nil {
		c.file = old
		return err
	}
	return old.Close()
}
