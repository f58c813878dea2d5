package logmgr

import (
	"context"
	"errors"
)

// Runtime is what the log manager asks of a container runtime.
type Runtime interface {
	// List returns every container that the runtime knows, in a slice that is the
	// caller's until the next call.
	List(ctx context.Context) ([]Listed, error)
	// Status returns the facts about one container. The error wraps ErrNotFound
	// when the runtime does not know it.
	Status(ctx context.Context, id string) (Container, error)
	// ReopenLog makes the runtime open the container's log path again and write
	// there from now on. The error wraps ErrRefused when the runtime has
	// certainly not done so; after any other error the outcome is unknown.
	ReopenLog(ctx context.Context, id string) error
}

// Redirector is a Runtime that keeps a container's output in a file of its own
// choice and not at the log path, so that the log path has to be a link to it.
type Redirector interface {
	// LogTarget returns the absolute path of the file the runtime writes, or ""
	// if there is none to link to.
	LogTarget(ctx context.Context, id string) (string, error)
}

var (
	// ErrRefused marks a definite refusal: the runtime answered and did nothing.
	ErrRefused = errors.New("refused by the runtime")
	// ErrNotFound marks a container that the runtime does not know.
	ErrNotFound = errors.New("unknown to the runtime")
)

// State is a container's state as CRI has it.
type State int

// The states of a container.
const (
	StateUnknown State = iota
	StateCreated
	StateRunning
	StateExited
)

// Listed is one line of the runtime's list of containers.
type Listed struct {
	ID    string
	State State
}

// Container is what the log manager knows about one container.
type Container struct {
	ID        string
	SandboxID string
	Namespace string
	Pod       string
	PodUID    string
	Name      string
	Attempt   uint32 // the restart count
	// PodLabels and PodAnnotations are the pod's; of the annotations only those
	// that are addressed to cri-logshim.
	PodLabels, PodAnnotations map[string]string
	// LogDirectory is the pod's log directory, absolute; empty when only the
	// whole log path is known.
	LogDirectory string
	// LogPath is relative to LogDirectory, or absolute when that is empty. It is
	// empty when the container's output is thrown away.
	LogPath string
	State   State
}
