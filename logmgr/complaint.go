package logmgr

import (
	"errors"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// repeatComplaint is how often an unchanged error is logged.
const repeatComplaint = time.Minute

// complaints keep errors that repeat from filling the journal. Most logs never have any.
type complaints struct {
	mu   sync.Mutex
	last map[string]complaint // by what is complained of: a path, say
}

type complaint struct {
	text string
	at   time.Time
}

// complain logs an error about something, unless it has done so lately with one that
// comes down to the same: the text around may name another file every time.
func (c *complaints) complain(about string, log func() logrus.FieldLogger, what string, err error) {
	cause := err
	for inner := errors.Unwrap(cause); inner != nil; inner = errors.Unwrap(cause) {
		cause = inner
	}
	if !c.repeated(about, what+cause.Error()) {
		log().WithError(err).Warn(what)
	}
}

// repeated takes in what is to be said, and tells whether it was just now.
func (c *complaints) repeated(about, text string) bool {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if last := c.last[about]; last.text == text && now.Sub(last.at) < repeatComplaint {
		return true
	}
	for other, last := range c.last {
		if now.Sub(last.at) >= repeatComplaint {
			delete(c.last, other)
		}
	}
	if c.last == nil {
		c.last = map[string]complaint{}
	}
	c.last[about] = complaint{text, now}
	return false
}

// complain is about what concerns no log of its own.
func (m *Manager) complain(what string, err error) {
	m.complaints.complain("", func() logrus.FieldLogger { return m.Log }, what, err)
}
