package logmgr

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/event"
)

// repeatComplaint is how often an unchanged error is logged.
const repeatComplaint = time.Minute

// complaints keep errors that repeat from filling the journal. Most logs never have any.
type complaints struct {
	mu   sync.Mutex
	last map[complaint]time.Time
}

type complaint struct {
	about string // a path, say
	text  string
}

// complain logs an error about something, unless it has done so lately with one that
// comes down to the same: the text around may name another file every time, and another
// complaint may have come in between.
func (c *complaints) complain(about string, log func() logrus.FieldLogger, what string, err error) {
	if !c.repeated(complaint{about, what + ": " + causes(err)}) {
		event.WorkFailed.On(log()).WithError(err).Warn(what)
	}
}

// repeated takes in what is to be said, and tells whether it was just now.
func (c *complaints) repeated(said complaint) bool {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, is := c.last[said]; is && now.Sub(at) < repeatComplaint {
		return true
	}
	maps.DeleteFunc(c.last, func(_ complaint, at time.Time) bool { return now.Sub(at) >= repeatComplaint })
	if c.last == nil {
		c.last = map[complaint]time.Time{}
	}
	c.last[said] = now
	return false
}

// causes are the errors that others are wrapped around, each once and in one order,
// however many files have come to the same.
func causes(err error) string {
	var found []string
	var visit func(error)
	visit = func(err error) {
		var inner []error
		switch e := err.(type) { //nolint:errorlint // it is taken apart here
		case interface{ Unwrap() []error }:
			inner = e.Unwrap()
		case interface{ Unwrap() error }:
			if one := e.Unwrap(); one != nil {
				inner = []error{one}
			}
		}
		for _, e := range inner {
			visit(e)
		}
		if len(inner) == 0 {
			found = append(found, err.Error())
		}
	}
	visit(err)
	slices.Sort(found)
	return strings.Join(slices.Compact(found), "; ")
}

// complain is about what concerns no log of its own.
func (m *Manager) complain(what string, err error) {
	m.complaints.complain("", func() logrus.FieldLogger { return m.Log }, what, err)
}
