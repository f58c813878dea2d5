package runtimetest

import (
	"context"
	"fmt"
	"sync"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// Redirecting is a Fake that keeps the output elsewhere, as Docker does, and so
// cannot reopen a log.
type Redirecting struct {
	*Fake

	mu     sync.Mutex
	places map[string]logmgr.Redirection
}

// NewRedirecting returns a runtime without containers.
func NewRedirecting() *Redirecting {
	return &Redirecting{Fake: NewFake(), places: map[string]logmgr.Redirection{}}
}

// Put sets where a container's output goes. Until then it goes to no file.
func (r *Redirecting) Put(id string, to logmgr.Redirection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.places[id] = to
}

// Redirect implements logmgr.Redirector.
func (r *Redirecting) Redirect(_ context.Context, id string) (logmgr.Redirection, error) {
	if _, err := r.container(id); err != nil {
		return logmgr.Redirection{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if to, known := r.places[id]; known {
		return to, nil
	}
	return logmgr.Redirection{Elsewhere: true, Driver: "none"}, nil
}

// ReopenLog implements logmgr.Runtime.
func (r *Redirecting) ReopenLog(_ context.Context, id string) error {
	return fmt.Errorf("container %q: %w: there is no reopen", id, logmgr.ErrRefused)
}
