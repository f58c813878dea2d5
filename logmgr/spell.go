package logmgr

import (
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/event"
)

// spellPause is how long no bound must be broken for a spell to be over: one that is kept by
// removing files is broken again and again.
const spellPause = time.Minute

// spell is a time in which bounds of the node were broken, with short pauses.
type spell struct {
	since, last time.Time // a bound was broken; zero: there is no spell
}

// look takes in which bounds are broken now, and tells when a spell begins and ends.
func (s *spell) look(log logrus.FieldLogger, broken shortage, now time.Time) {
	switch {
	case broken.any():
		if s.since.IsZero() {
			s.since = now
			event.PressureBegan.On(log).WithField("exceeded", broken.String()).Info("a bound of the node is broken: log files go until it is met")
		}
		s.last = now
	case now.Sub(s.last) >= spellPause:
		s.end(log)
	}
}

// end tells that a spell is over, if there is one.
func (s *spell) end(log logrus.FieldLogger) {
	if s.since.IsZero() {
		return
	}
	event.PressureEnded.On(log).WithField("lasted", s.last.Sub(s.since)).Info("no bound of the node is broken any more")
	*s = spell{}
}
