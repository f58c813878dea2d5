package logmgr

import (
	"context"
	"errors"
	"fmt"
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
	// certainly not done so, and ErrCannotReopen when it never can; after any other
	// error the outcome is unknown.
	ReopenLog(ctx context.Context, id string) error
}

// Redirector is a Runtime that may keep a container's output in a file of its own
// choice and not at the log path, which then has to be a link to that file.
type Redirector interface {
	// Redirect tells where the runtime keeps a container's output. The error wraps
	// ErrNotFound when the runtime does not know the container. With an error Elsewhere may
	// be set all the same: the output is not at its log path, and where it is was not found.
	Redirect(ctx context.Context, id string) (Redirection, error)
}

// Redirection is where a container's output is. The zero value: at its log path.
type Redirection struct {
	// Elsewhere tells that the output is not at the log path.
	Elsewhere bool
	// Path is the absolute path of the file that the runtime writes; empty: there is
	// none to link to.
	Path string
	// Driver is what writes it, as the runtime calls it: "json-file", "journald".
	// Empty: not known.
	Driver string
	// MaxSize is how many bytes the file has when the runtime itself rotates it; 0:
	// never, or not known.
	MaxSize int64
	// MaxFiles is how many files it keeps then, the current one included; 0: not known.
	MaxFiles int
	// Provisional tells that the runtime could not be asked, and this is where its files are
	// by its habit: good enough to make a link that is missing, and to be asked for again soon.
	Provisional bool
}

var (
	// ErrRefused marks a definite refusal: the runtime answered and did nothing.
	ErrRefused = errors.New("refused by the runtime")
	// ErrCannotReopen marks a refusal that is no matter of one container or moment: the
	// runtime has no way to reopen a log. It wraps ErrRefused.
	ErrCannotReopen = fmt.Errorf("it cannot reopen logs: %w", ErrRefused)
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
