package logmgr

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// unansweredFor is how long it may not be known where containers' output is before that is
// a reason for Trouble.
const unansweredFor = 30 * time.Second

// probePause is how often one of them at least is asked for while none has an answer.
const probePause = 2 * time.Second

// failedAsks are the outlets of which the runtime could not say where they are.
type failedAsks struct {
	outlets map[string]*outlet
	err     error     // of the last one, if that is to be said; nil: nothing is
	sayAt   time.Time // when that is due
	repeat  time.Time // before that it is not said once more
	told    bool      // it was, and they were not found since

	since time.Time                  // since when there are such that are not known; zero: none
	now   atomic.Pointer[unanswered] // for other goroutines; nil: none
}

// unanswered is how many outlets are not known, and since when there are some.
type unanswered struct {
	outlets int
	unheld  int // of them, those whose log nobody holds to its limit
	since   time.Time
}

// add takes in another one. A container that the runtime does not know is most likely about
// to go. One whose output was found before is no matter of concern: its link stands.
func (f *failedAsks) add(m *Manager, o *outlet, err error) {
	m.metrics.failed(stepRedirect)
	o.failed = time.Now()
	f.outlets[o.id] = o
	f.count(m)
	going := errors.Is(err, ErrNotFound) && o.retry.wait <= shortestBackoff
	if going || o.known() {
		return
	}
	if f.err == nil {
		f.sayAt = o.failed.Add(noticePause) // others are about to fail, too
		if f.sayAt.Before(f.repeat) {
			f.sayAt = f.repeat
		}
	}
	f.err = err
}

// tellUnanswered says how many containers' output is not known, when that is due: once a
// minute.
func (e *elsewhere) tellUnanswered(now time.Time) {
	f := &e.failed
	if f.err == nil {
		return
	}
	if now.Before(f.sayAt) {
		e.plan(f.sayAt)
		return
	}
	err := f.err
	f.err = nil
	unknown := f.count(e.m)
	if unknown == 0 {
		return
	}
	f.repeat, f.told = now.Add(repeatComplaint), true
	e.m.Log.WithError(err).WithField("containers", unknown).
		Warn("cannot find out where the runtime keeps the output of containers: their log paths may lead nowhere, and they are held to their limit only where they are seen to grow at that path; trying again")
}

// tellAnswered says that there are none any more, where it was said that there are.
func (e *elsewhere) tellAnswered() {
	if e.failed.told && e.failed.now.Load() == nil {
		e.failed.told = false
		e.m.Log.Info("it is known again where the runtime keeps the output of all containers")
	}
}

func (f *failedAsks) drop(m *Manager, id string) {
	if f.outlets[id] != nil {
		delete(f.outlets, id)
		f.count(m)
	}
}

// count tells how many are not known, and lets others know.
func (f *failedAsks) count(m *Manager) (unknown int) {
	defer m.mail.post((*registry).countLogs)
	unheld := 0
	for _, o := range f.outlets {
		if o.known() {
			continue
		}
		unknown++
		if !o.where.presumed() && !o.where.away() {
			unheld++
		}
	}
	switch {
	case unknown == 0:
		f.since = time.Time{}
		f.now.Store(nil)
		return 0
	case f.since.IsZero():
		f.since = time.Now()
	}
	f.now.Store(&unanswered{unknown, unheld, f.since})
	return unknown
}

// unheld is how many logs nobody holds to their limit since it is not known where they are.
func (f *failedAsks) unheld() int {
	if u := f.now.Load(); u != nil {
		return u.unheld
	}
	return 0
}

// trouble is why logs may not be managed as they should be.
func (f *failedAsks) trouble() []string {
	u := f.now.Load()
	if u == nil || time.Since(u.since) < unansweredFor {
		return nil
	}
	return []string{fmt.Sprintf("the runtime does not tell where the output of containers is (%d of them), for %s",
		u.outlets, time.Since(u.since).Round(time.Second))}
}

// probe has one of the outlets without an answer asked for again soon, however long
// they have failed: the runtime may be back, and recovered has the others asked for then.
// They take turns, since one may fail for reasons of its own.
func (e *elsewhere) probe(now time.Time) {
	var next *outlet
	for _, o := range e.failed.outlets {
		switch {
		case o.known():
		case o.wanted || o.retry.left(now) <= probePause:
			return // that one will tell
		case next == nil || o.failed.Before(next.failed):
			next = o
		}
	}
	if next != nil {
		next.retry.not = now.Add(probePause)
		e.plan(next.retry.not)
	}
}
