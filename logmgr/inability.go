package logmgr

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cri-logshim/cri-logshim/event"
)

// inabilityFor is for how long the runtime's answer is believed: it may have been one of a
// moment, and nothing at all is rotated meanwhile.
const inabilityFor = time.Hour

// inability remembers that the runtime cannot reopen a log at all, by its own answer, so
// that none is renamed in vain. It is forgotten when the connection to the runtime is made
// anew: there may be another runtime behind it.
type inability struct {
	answer atomic.Pointer[inabilityAnswer]
}

type inabilityAnswer struct {
	err error
	at  time.Time
}

func (i *inability) known() bool { return i.err() != nil }

// err is what the runtime has answered; nil: it can reopen logs, as far as is known.
func (i *inability) err() error {
	if answer := i.answer.Load(); answer != nil && time.Since(answer.at) < inabilityFor {
		return answer.err
	}
	return nil
}

// learn takes in what has become of a reopen, and says once if that was the answer.
func (i *inability) learn(m *Manager, err error) {
	before := i.answer.Load()
	if !errors.Is(err, ErrCannotReopen) || i.known() || !i.answer.CompareAndSwap(before, &inabilityAnswer{err, time.Now()}) {
		return
	}
	m.mail.post((*registry).countLogs)
	if before == nil {
		event.RuntimeCannotReopen.On(m.Log).WithError(err).Warn("the runtime cannot reopen logs, so none that it writes at its log path is rotated, however large it gets: bound them in the runtime's own configuration, as with max-size and max-file in Docker's daemon.json")
	}
}

// forget lets reopens be tried again, and tells whether they were not.
func (i *inability) forget() bool { return i.answer.Load() != nil && i.answer.Swap(nil) != nil }

// trouble is why nothing is rotated.
func (i *inability) trouble() []string {
	if err := i.err(); err != nil {
		return []string{fmt.Sprintf("no log is rotated, since the runtime cannot reopen any: %v", err)}
	}
	return nil
}
