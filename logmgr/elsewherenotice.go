package logmgr

import "time"

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
}

// notice says what the operator ought to know of how the runtime keeps logs: once, and
// not for each of them.
func (e *elsewhere) notice(o *outlet) {
	if e.m.TakesOver && o.since.Sub(e.began) < takeOverTime {
		return // the process before has said so
	}
	switch driver := o.to.Driver; {
	case o.to.Path == "" && driver != "" && driver != jsonFile:
		if !e.said.drivers[driver] {
			e.said.drivers[driver] = true
			o.log.log().WithField("driver", driver).
				Warn("with this log driver there is no file that a log path could lead to, so kubectl logs has nothing to show; that is so for all containers with it. Set log-driver json-file in Docker's daemon.json and restart Docker; pods have to be made anew")
		}
	case o.unbounded() && e.said.unboundedAt.IsZero():
		e.said.unboundedAt = time.Now().Add(noticePause)
		e.plan(e.said.unboundedAt)
	}
}

// noticeUnbounded says how many files nothing bounds, when that is due.
func (e *elsewhere) noticeUnbounded(now time.Time) {
	if e.said.unboundedAt.IsZero() || e.said.unboundedSaid {
		return
	}
	if now.Before(e.said.unboundedAt) {
		e.plan(e.said.unboundedAt)
		return
	}
	var largest *outlet
	found := 0
	for _, o := range e.outlets {
		if !o.unbounded() {
			continue
		}
		found++
		if largest == nil || o.file.size > largest.file.size {
			largest = o
		}
	}
	if largest == nil {
		e.said.unboundedAt = time.Time{} // it has ended meanwhile
		return
	}
	e.said.unboundedSaid = true
	largest.log.log().WithField("files", found).WithField("file", largest.to.Path).WithField("size", largest.file.size).
		Warn("files of running containers have no limit, of which this is the largest; they are the runtime's own and left alone: set max-size and max-file under log-opts in Docker's daemon.json, which holds for containers made after a restart of Docker")
}

// unbounded tells whether a container runs and the runtime never rotates its file. Where it
// could not say, that shows when the file has passed the limit that it would have otherwise.
func (o *outlet) unbounded() bool {
	if !o.running || o.to.Path == "" || o.to.MaxSize > 0 {
		return false
	}
	limit := o.log.policy.Load().MaxSize
	return o.to.Driver != "" || limit > 0 && o.file.size > limit
}
