package logmgr

import (
	"iter"
	"time"

	"github.com/sirupsen/logrus"
)

const (
	// noticePause is how long it is waited, once there is something to say of several logs,
	// for how many there are.
	noticePause = time.Second
	// takeOverTime is within what time a process that takes over finds what the one before
	// has had.
	takeOverTime = time.Minute
)

// notices is what was said once and is not said again.
type notices struct {
	drivers       map[string]bool
	unboundedAt   time.Time // when it is to be said of files that nothing bounds; zero: none were found
	unboundedSaid bool
	unseenSaid    bool
}

// toldBefore tells whether the process before has said what is to be said of a file.
func (o *Options) toldBefore(f *ownFile, began time.Time) bool {
	return o.TakesOver && f.since.Sub(began) < takeOverTime
}

// take takes in one file, and says what the operator ought to know of how the runtime keeps
// logs: once, and not for each of them. What is to be said of all has to wait.
func (n *notices) take(log logrus.FieldLogger, f *ownFile) {
	switch driver := f.to.Driver; {
	case f.to.Path == "" && driver != "" && driver != JSONFile:
		if !n.drivers[driver] {
			n.drivers[driver] = true
			f.fields(log).WithField("driver", driver).
				Warn("with this log driver there is no file that a log path could lead to, so kubectl logs has nothing to show; that is so for all containers with it. Set log-driver json-file in Docker's daemon.json and restart Docker; pods have to be made anew")
		}
	case f.unseen() && !n.unseenSaid:
		n.unseenSaid = true
		f.fields(log).WithField("file", f.to.Path).
			Warn("the runtime names a file that is not there, so the size of this log is not known, nor maybe that of others: is it below /home, /root, /run/user or /tmp, which the systemd unit hides (ProtectHome=, PrivateTmp=)?")
	case f.unbounded() && n.unboundedAt.IsZero():
		n.unboundedAt = time.Now().Add(noticePause)
	}
}

// waits tells until when there is something to be said; zero: there is nothing.
func (n *notices) waits() time.Time {
	if n.unboundedSaid {
		return time.Time{}
	}
	return n.unboundedAt
}

// tell says of how many files nothing bounds them, when that is due.
func (n *notices) tell(log logrus.FieldLogger, files iter.Seq[*ownFile]) {
	if at := n.waits(); at.IsZero() || time.Now().Before(at) {
		return
	}
	var largest *ownFile
	found := 0
	for f := range files {
		if !f.unbounded() {
			continue
		}
		found++
		if largest == nil || f.file.size > largest.file.size {
			largest = f
		}
	}
	if largest == nil {
		n.unboundedAt = time.Time{} // it has ended meanwhile
		return
	}
	n.unboundedSaid = true
	largest.fields(log).WithField("files", found).WithField("file", largest.to.Path).WithField("size", largest.file.size).
		Warn("files of running containers have no limit, of which this is the largest; they are the runtime's own and left alone: set max-size and max-file under log-opts in Docker's daemon.json, which holds for containers made after a restart of Docker")
}

// noticeUnbounded says of how many files nothing bounds them, when that is due.
func (e *elsewhere) noticeUnbounded() {
	e.said.tell(e.m.Log, func(yield func(*ownFile) bool) {
		for _, o := range e.outlets {
			if !yield(&o.ownFile) {
				return
			}
		}
	})
	e.planNotice()
}

// planNotice has what waits to be said be said in time.
func (e *elsewhere) planNotice() {
	if at := e.said.waits(); !at.IsZero() {
		e.plan(at)
	}
}
