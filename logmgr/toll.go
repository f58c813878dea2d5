package logmgr

import (
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/event"
)

// tollEvery is how often it is told at most what has gone for the node's bounds: they may
// be broken anew every second.
const tollEvery = 10 * time.Second

// toll sums up what has gone for the node's bounds and was not told yet.
type toll struct {
	gone freed
	why  shortage  // of the bounds that were broken, the last time
	said time.Time // zero: never
}

func (t *toll) add(gone freed, broken shortage) {
	if gone != (freed{}) {
		t.gone.bytes += gone.bytes
		t.gone.inodes += gone.inodes
		t.why = broken
	}
}

// tell writes one line about all of it, when it is time.
func (t *toll) tell(m *Manager, now time.Time) {
	if t.gone == (freed{}) || !t.said.IsZero() && now.Sub(t.said) < tollEvery {
		return
	}
	elsewhere, _ := m.blame(t.why)
	event.FilesRemoved.On(m.Log).WithFields(logrus.Fields{"files": t.gone.inodes, "bytes": t.gone.bytes, "exceeded": t.why.String()}).WithFields(elsewhere).
		Info("removed log files to keep the node's bounds")
	*t = toll{said: now}
}
