package logmgr

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
)

// ownFile is what is known of one container's output in a file that is the runtime's own.
// It belongs to whoever looks at that.
type ownFile struct {
	of      *Container
	path    string                  // the log path, absolute
	policy  *atomic.Pointer[Policy] // that would hold if the output were there
	since   time.Time               // when it became known
	running bool
	asked   time.Time // when the last answer came
	to      Redirection
	file    outletFile
	missing bool      // at the last look there was none, and there ought to be
	sums    entry     // of an Observer
	absent  time.Time // since when the file that the runtime names is not there; zero: it is, or none is named
}

// known tells whether the output is known to be elsewhere.
func (f *ownFile) known() bool { return f.to.Elsewhere }

// lead takes in where the output is, and tells whether it was not there before. What the
// runtime has said stands before what is only likely.
func (f *ownFile) lead(to Redirection, now time.Time) (moved bool) {
	if to.Provisional && !f.to.Provisional && f.to.Path != "" {
		to = f.to
	}
	if moved = f.to.Path != to.Path; moved {
		f.file.reset()
	}
	f.to, f.asked = to, now
	return moved
}

// look looks at the file by the wall clock, and tells how often the runtime was seen to
// rotate it since the last look. That there is none is no error.
func (f *ownFile) look(now time.Time) (rotations int64, err error) {
	if f.to.Path == "" {
		f.absent = time.Time{}
		f.missing = f.running && (f.to.Driver == "" || f.to.Driver == JSONFile)
		return 0, nil
	}
	rotations, err = f.file.look(f.to.Path, now)
	f.missing = errors.Is(err, fs.ErrNotExist)
	switch {
	case !f.missing:
		f.absent = time.Time{}
	case f.absent.IsZero():
		f.absent = time.Now()
	}
	if err == nil {
		return rotations, nil
	}
	f.file.size, f.file.disk, f.file.rotated.disk = 0, 0, 0
	f.file.changed = time.Time{} // the rotated ones are to be looked at again, too
	if f.missing {
		err = nil
	}
	return rotations, err
}

// stale tells whether the runtime is to be asked again where the output is.
func (f *ownFile) stale(now time.Time) bool {
	refresh := outletRefresh
	if f.missing || f.to.Provisional {
		refresh = missingRefresh
	}
	return now.Sub(f.asked) >= refresh
}

// unbounded tells whether a container runs and the runtime never rotates its file. Where it
// could not say, that shows when the file has passed the limit that it would have otherwise.
func (f *ownFile) unbounded() bool {
	if !f.running || f.to.Path == "" || f.to.MaxSize > 0 {
		return false
	}
	limit := f.policy.Load().MaxSize
	return f.to.Driver != "" || limit > 0 && f.file.size > limit
}

// unseen tells whether a container runs and the file that the runtime itself has named was not
// to be seen for a while.
func (f *ownFile) unseen() bool {
	return f.running && !f.to.Provisional && !f.absent.IsZero() && time.Since(f.absent) >= missingRefresh
}

// status is what an operator is told.
func (f *ownFile) status() ElsewhereLog {
	return ElsewhereLog{
		Namespace: f.of.Namespace, Pod: f.of.Pod, Container: f.of.Name, Attempt: f.of.Attempt,
		Path: f.path, File: f.to.Path, Driver: f.to.Driver,
		Bytes: f.file.size, DiskBytes: f.file.disk + f.file.rotated.disk,
		MaxSize: f.to.MaxSize, MaxFiles: f.to.MaxFiles, Rotations: f.file.rotations,
		device: f.file.device, unbounded: f.unbounded(),
	}
}

// fields is where to speak of the log.
func (f *ownFile) fields(log logrus.FieldLogger) logrus.FieldLogger {
	return logFor(log, f.of).WithField("path", f.path)
}

// redirection asks the runtime where a container's output is.
func redirection(ctx context.Context, runtime Redirector, id string) (Redirection, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	to, err := runtime.Redirect(ctx, id)
	if err == nil && to.Path != "" && !filepath.IsAbs(to.Path) {
		err = fmt.Errorf("the runtime names %q, which is no absolute path", to.Path)
	}
	return to, err
}
