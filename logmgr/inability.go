package logmgr

import (
	"errors"
	"sync/atomic"
)

// inability remembers that the runtime cannot reopen a log at all, by its own answer, so
// that none is renamed in vain. It is forgotten when the connection to the runtime is made
// anew: there may be another runtime behind it.
type inability struct{ answer atomic.Pointer[error] }

func (i *inability) known() bool { return i.answer.Load() != nil }

// err is what the runtime has answered; nil: it can reopen logs, as far as is known.
func (i *inability) err() error {
	if answer := i.answer.Load(); answer != nil {
		return *answer
	}
	return nil
}

// learn takes in what has become of a reopen, and says once if that was the answer.
func (i *inability) learn(m *Manager, err error) {
	if errors.Is(err, ErrCannotReopen) && i.answer.CompareAndSwap(nil, &err) {
		m.mail.post((*registry).countLogs)
		m.Log.WithError(err).Warn("the runtime cannot reopen logs, so none that it writes at its log path is rotated, however large it gets: bound them in the runtime's own configuration, as with max-size and max-file in Docker's daemon.json")
	}
}

// forget lets reopens be tried again, and tells whether they were not.
func (i *inability) forget() bool { return i.answer.Swap(nil) != nil }
