// Package bypass keeps the link that kubelet has as its endpoint, and leads it to the shim
// or, past it, to the runtime. connect(2) follows symbolic links, so whoever connects anew
// comes to where the link leads at that moment; connections that are there stay.
//
// It knows paths and files: nothing of CRI or gRPC, nor who may lead kubelet where and when.
// A shell script does the same when the daemon does not come up (systemd/bypass.sh), since
// the program may be what is broken; the two share the form of the files.
package bypass

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Endpoints are the paths of a node's CRI endpoints.
type Endpoints struct {
	// Link is the symbolic link that kubelet has as its endpoint.
	Link string `json:"link"`
	// Shim is the socket on which cri-logshim serves. Beside it lie the files of this package.
	Shim string `json:"shim"`
	// Runtime is the socket of the container runtime.
	Runtime string `json:"runtime"`
}

// Way is where a link leads.
type Way string

// The ways of a link.
const (
	ToShim    Way = "shim"
	ToRuntime Way = "runtime"
	Elsewhere Way = "elsewhere" // to neither
	Missing   Way = "missing"   // there is no link
)

// target is the socket at the end of a way.
func (e Endpoints) target(to Way) string {
	if to == ToRuntime {
		return e.Runtime
	}
	return e.Shim
}

// Status is where kubelet is led.
type Status struct {
	Endpoints
	Way    Way    `json:"way"`
	Target string `json:"target,omitempty"` // what the link holds; empty: there is none
	Bypass *State `json:"bypass,omitempty"` // nil: off
}

// Status looks at the link and at the bypass. It is an error if there is something else in
// the link's place.
func (e Endpoints) Status() (Status, error) {
	s := Status{Endpoints: e, Way: Missing}
	var err error
	if s.Bypass, err = readState(e.stateFile()); err != nil {
		return Status{}, err
	}
	s.Target, err = os.Readlink(e.Link)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case errors.Is(err, unix.EINVAL):
		return Status{}, replaceable(e.Link)
	case err != nil:
		return Status{}, err
	}
	s.Way = e.wayOf(s.Target)
	return s, nil
}

func (e Endpoints) wayOf(target string) Way {
	switch {
	case same(target, e.Shim):
		return ToShim
	case same(target, e.Runtime):
		return ToRuntime
	}
	return Elsewhere
}

// same tells whether two paths are of one file, as with /run and /var/run.
func same(a, b string) bool {
	if a == b {
		return true
	}
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// Lead puts the bypass on: the link leads to the runtime until Return, whatever the daemon
// does, or, if the state says that it is automatic, until Keep ends it. An error that is
// a *RecordError comes after the link was led there.
func (e Endpoints) Lead(ctx context.Context, s State) error {
	return e.alone(ctx, func() error {
		recorded := writeState(e.stateFile(), s)
		if err := e.point(ToRuntime); err != nil {
			return errors.Join(err, recorded)
		}
		if recorded != nil {
			return &RecordError{recorded}
		}
		return nil
	})
}

// RecordError says that kubelet is led past the shim and that this could not be written
// down, as where /run is full: the daemon does not know that it is to stay so.
type RecordError struct{ err error }

func (e *RecordError) Error() string { return "record the bypass: " + e.err.Error() }
func (e *RecordError) Unwrap() error { return e.err }

// Return takes the bypass off and leads the link where it leads without it.
func (e Endpoints) Return(ctx context.Context, to Way) error {
	return e.alone(ctx, func() error { return e.end(to) })
}

func (e Endpoints) end(to Way) error {
	if err := e.point(to); err != nil {
		return err
	}
	return remove(e.stateFile())
}

// ErrElsewhere says that the link leads to a socket which is neither the shim's nor the
// runtime's, and which somebody serves.
var ErrElsewhere = errors.New("it leads to a socket of somebody else, who serves there")

// Keep leads the link where it leads without a bypass, unless one is on. An automatic one
// is ended if that is asked for; one that a person has put on is never. It returns how it
// was before and how it is now.
func (e Endpoints) Keep(ctx context.Context, to Way, endAutomatic bool) (before, now Status, err error) {
	err = e.alone(ctx, func() error {
		if before, err = e.Status(); err != nil {
			return err
		}
		if err := e.keep(ctx, before, to, endAutomatic); err != nil {
			return err
		}
		now, err = e.Status()
		return err
	})
	return before, now, err
}

func (e Endpoints) keep(ctx context.Context, s Status, to Way, endAutomatic bool) error {
	switch {
	case s.Bypass != nil && s.Bypass.Automatic && endAutomatic:
		return e.end(to)
	case s.Bypass != nil || s.Way == to:
		return nil
	case s.Way == Elsewhere && !e.ledBefore(s.Target) && served(ctx, s.Target):
		return fmt.Errorf("lead %q to %q: %w: %q", e.Link, e.target(to), ErrElsewhere, s.Target)
	}
	return e.point(to)
}

// ledBefore tells whether a target is what the daemon has led to with other settings.
func (e Endpoints) ledBefore(target string) bool {
	last, err := Last(filepath.Dir(e.Shim))
	return err == nil && (target == last.Shim || target == last.Runtime)
}

// served tells whether somebody listens at a path.
func served(ctx context.Context, path string) bool {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", path)
	return err == nil && conn.Close() == nil
}

// alone runs something while no other process does the same. What it writes into may be
// missing, as at boot.
func (e Endpoints) alone(ctx context.Context, do func() error) (err error) {
	dir := filepath.Dir(e.Shim)
	if err := os.MkdirAll(dir, directoryMode); err != nil {
		return err
	}
	lock, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := acquire(ctx, int(lock.Fd())); err != nil {
		return fmt.Errorf("lock directory %q: %w", dir, err)
	}
	return do()
}

const (
	// lockTime is how long another process may be at it, which should take it milliseconds.
	lockTime  = 3 * time.Second
	lockPause = 10 * time.Millisecond
)

// ErrBusy says that another process, such as one that was stopped in the middle of its work,
// keeps this one from leading kubelet.
var ErrBusy = fmt.Errorf("another process has held it for %v; fuser -v names it", lockTime)

// acquire locks a directory, as soon as nobody else has it locked.
func acquire(ctx context.Context, fd int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, lockTime, ErrBusy)
	defer cancel()
	pause := time.NewTicker(lockPause)
	defer pause.Stop()
	for {
		err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return err
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
