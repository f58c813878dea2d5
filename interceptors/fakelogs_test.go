package interceptors

import (
	"context"
	"errors"
	"path"
	"sync"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// fact is one thing that the hooks have told the log manager.
type fact struct {
	what      string
	id        string
	failed    bool // of a start, or a reopen
	container logmgr.Container
}

// errUnfit is what the fake says of every name that is "..".
var errUnfit = errors.New("unfit name")

// fakeLogs is a log manager that writes down what it is told, and does to the
// hooks what a test wants done.
type fakeLogs struct {
	mu    sync.Mutex
	facts []fact

	trap        func(method string)                            // called first by every method
	hold        func(context.Context)                          // what Hold waits for
	beginReopen func(ctx context.Context) (answered bool)      // what BeginReopen waits for
	place       func(logmgr.Container) (string, string, error) // in place of the usual rules
}

func newFakeLogs() *fakeLogs {
	return &fakeLogs{
		trap:        func(string) {},
		hold:        func(context.Context) {},
		beginReopen: func(context.Context) bool { return false },
		place: func(c logmgr.Container) (string, string, error) {
			if c.Name == ".." {
				return "", "", errUnfit
			}
			return path.Join("/pods", c.Namespace+"_"+c.Pod+"_"+c.PodUID), c.Name + "/0.log", nil
		},
	}
}

func (f *fakeLogs) tell(what fact) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.facts = append(f.facts, what)
}

// take returns the facts since it was last asked.
func (f *fakeLogs) take() []fact {
	f.mu.Lock()
	defer f.mu.Unlock()
	facts := f.facts
	f.facts = nil
	return facts
}

func (f *fakeLogs) Place(c logmgr.Container) (logDirectory, logPath string, err error) {
	f.trap("Place")
	return f.place(c)
}

func (f *fakeLogs) Refused(c logmgr.Container, err error) {
	f.trap("Refused")
	f.tell(fact{what: "refused", container: c, failed: err != nil})
}

func (f *fakeLogs) Created(c logmgr.Container) {
	f.trap("Created")
	f.tell(fact{what: "created", id: c.ID, container: c})
}

func (f *fakeLogs) Started(id string, failed bool) {
	f.trap("Started")
	f.tell(fact{what: "started", id: id, failed: failed})
}

func (f *fakeLogs) Stopped(id string) {
	f.trap("Stopped")
	f.tell(fact{what: "stopped", id: id})
}

func (f *fakeLogs) Removed(id string) {
	f.trap("Removed")
	f.tell(fact{what: "removed", id: id})
}

func (f *fakeLogs) SandboxRemoved(id string) {
	f.trap("SandboxRemoved")
	f.tell(fact{what: "sandbox removed", id: id})
}

func (f *fakeLogs) Hold(ctx context.Context, id string) {
	f.trap("Hold")
	f.hold(ctx)
	f.tell(fact{what: "held", id: id})
}

func (f *fakeLogs) BeginReopen(ctx context.Context, id string) (answered bool, done func(error)) {
	f.trap("BeginReopen")
	if f.beginReopen(ctx) {
		f.tell(fact{what: "answered", id: id})
		return true, nil
	}
	return false, func(err error) {
		f.trap("done")
		f.tell(fact{what: "reopened", id: id, failed: err != nil})
	}
}
