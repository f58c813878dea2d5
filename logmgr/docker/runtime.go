// Package docker is the log manager's Runtime for all that speak CRI, which knows where
// Docker keeps the output of containers behind dockershim and cri-dockerd.
//
// CRI does not tell: the log path of these is a link. So Docker Engine is asked, by two
// requests of its HTTP API over net/http. Docker's own client (github.com/moby/moby/client
// v0.2.1) would bring 62 packages that are needed for nothing else, OpenTelemetry's among
// them, for answers that have been the same in every version of the API.
//
// This package reads only. What links are made and what is shown is the log manager's
// business.
package docker

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/criruntime"
)

// runtimeName is what dockershim and cri-dockerd call themselves.
const runtimeName = "docker"

// Runtime is a runtime that may be Docker's. It implements logmgr.Runtime and
// logmgr.Redirector; any other runtime has its output at the log path.
type Runtime struct {
	*criruntime.Runtime
	engine *Engine // nil: never asked
	log    logrus.FieldLogger
	turn   chan struct{} // whoever holds it asks for the runtime's name

	mu         sync.Mutex
	name       *string // nil: not asked on this connection
	connection int     // counts them
	introduced string  // the name that was last told of
	root       string  // of Docker's data, as far as is known
	away       outage
}

// New returns a Runtime that asks Docker Engine at a unix:// endpoint where the runtime
// turns out to be Docker's. Empty: the engine is never asked, and the path rule alone
// tells.
func New(runtime *criruntime.Runtime, endpoint string, log logrus.FieldLogger) *Runtime {
	r := &Runtime{Runtime: runtime, log: log, turn: make(chan struct{}, 1), root: defaultRoot}
	if endpoint != "" {
		r.engine = NewEngine(endpoint)
	}
	return r
}

// Close ends the connections to the engine.
func (r *Runtime) Close() {
	if r.engine != nil {
		r.engine.Close()
	}
}

// Reconnected says that it may be another runtime that answers now.
func (r *Runtime) Reconnected() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.name = nil
	r.connection++
}

// Redirect implements logmgr.Redirector. Where the engine does not answer, the container's
// file is looked for by the path rule; the engine's error is returned only if that finds
// nothing.
func (r *Runtime) Redirect(ctx context.Context, id string) (logmgr.Redirection, error) {
	name, err := r.knownName(ctx)
	if err != nil || name != runtimeName {
		return logmgr.Redirection{}, err
	}
	to, err := r.find(ctx, id)
	to.Elsewhere = true // also where it is not found
	return to, err
}

// find tells where Docker keeps a container's output.
func (r *Runtime) find(ctx context.Context, id string) (logmgr.Redirection, error) {
	if r.engine == nil {
		to, err := r.likely(r.knownRoot(), id)
		if err != nil {
			err = fmt.Errorf("%w; docker.endpoint is empty: set it if Docker's data directory is not %s", err, defaultRoot)
		}
		return to, err
	}
	to, err := r.ask(ctx, id)
	switch {
	case err == nil, errors.Is(err, logmgr.ErrNotFound):
		r.noteAnswer()
		return to, err
	case ctx.Err() != nil:
		return logmgr.Redirection{}, err
	}
	to, ruleErr := r.searched(ctx, id)
	if ruleErr != nil {
		return logmgr.Redirection{}, fmt.Errorf("%w; %w", err, ruleErr)
	}
	r.noteSilence(err)
	return to, nil
}

// ask returns what the engine says.
func (r *Runtime) ask(ctx context.Context, id string) (logmgr.Redirection, error) {
	c, err := r.engine.inspect(ctx, id)
	if err != nil {
		return logmgr.Redirection{}, err
	}
	if c.LogPath == "" {
		if c.HostConfig.LogConfig.Type == "" {
			return r.searched(ctx, id)
		}
		return c.HostConfig.redirection(""), nil
	}
	if err := checkPath(c.LogPath); err != nil {
		return logmgr.Redirection{}, fmt.Errorf("log of container %q, as Docker Engine at %s has it: %w", id, r.engine.endpoint, err)
	}
	to := c.HostConfig.redirection(filepath.Clean(c.LogPath))
	if to.Path != "" {
		to.Path = r.moved(ctx, to.Path, id)
		r.learnRoot(to.Path, id)
	}
	return to, nil
}

// knownName returns the runtime's name, for which it is asked once per connection. It may
// take as long as the caller has: on a starved node every answer takes seconds, and without
// this one nothing is known of any log.
func (r *Runtime) knownName(ctx context.Context) (string, error) {
	if name, _ := r.lastName(); name != nil {
		return *name, nil
	}
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return "", fmt.Errorf("ask for the runtime's name: %w", ctx.Err())
	}
	defer func() { <-r.turn }()
	known, connection := r.lastName()
	if known != nil {
		return *known, nil
	}
	name, err := r.Name(ctx)
	if err != nil {
		return "", fmt.Errorf("ask for the runtime's name: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.connection == connection {
		r.name = &name
		r.introduce(name)
	}
	return name, nil
}

// introduction is said when the runtime turns out to be Docker's.
const introduction = "the runtime is Docker, which alone can rotate its logs: only their links and sizes are looked after, see docs/docker.md"

// introduce says what an operator can expect of the runtime, if it is another one than on the
// connection before.
func (r *Runtime) introduce(name string) {
	if name == runtimeName && r.introduced != name {
		r.log.Info(introduction)
	}
	r.introduced = name
}

func (r *Runtime) lastName() (name *string, connection int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.name, r.connection
}
