package logmgr

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// containerLog is one log: the path that a container, or several attempts at
// one after the other, write to.
type containerLog struct {
	rel     string     // below podLogsDir
	path    string     // absolute, for messages
	name    string     // of the current file in its directory
	of      *container // that was the first known to have this path
	history *history
	policy  *atomic.Pointer[Policy] // the history's

	// Owned by the registry.
	containers int        // how many containers name this path
	live       *container // the running one
	awake      bool       // a goroutine tends or settles it
	again      bool       // something has happened since that goroutine looked
	cancel     context.CancelFunc
	linkTimer  *time.Timer
	elsewhere  bool // the owner's output is not here: whereabouts
	fresh      bool // it became known when its container was made: all of it is new
	// owner is whose output the path leads to, of those containers that name it; nil: none
	// was started yet. It is set by the registry and read by elsewhere.
	owner atomic.Pointer[whereabouts]

	nudge chan struct{} // makes its tender look at once
	urged atomic.Bool   // it is to be rotated though it is not full: the disk is

	// order is a rotation that somebody has asked for and waits for; nil: none.
	order atomic.Pointer[order]

	// size is that of the current file and 1, as of the last look, or 0: nobody has looked;
	// disk is what it takes. Both are in bytes.
	size, disk atomic.Int64

	// Owned by whoever tends or settles it: one goroutine at a time, each
	// started by the registry after the last has ended; by the poller while it dozes.
	dir          *logfile.Dir
	armed        bool
	doze         doze
	handed       bool          // the poller has looked at it until now
	last         logfile.Stamp // of the newest rotated file
	current      logfile.ID    // the current file that was seen last
	files        *Files        // what was in force then
	freshRetry   backoff       // after something could not be done to a new current file
	pace         pace
	missingSince time.Time
	opening      backoff // after a directory that could not be opened
	retry        backoff // after a rotation that failed
	doubt        doubt
	adopted      bool        // the first look is over
	age          age         // of the current file
	ageTimer     *time.Timer // while the log sleeps and has an age to reach
}

func newContainerLog(rel string, c *container, h *history) *containerLog {
	return &containerLog{
		rel:     rel,
		path:    c.LogPath,
		name:    path.Base(rel),
		of:      c,
		history: h,
		policy:  &h.policy,
		nudge:   make(chan struct{}, 1),
	}
}

// farFutureYears is how far a clock may have been wrong when a file was named.
const farFutureYears = 100

// open makes dir the directory that the log's path names now.
func (l *containerLog) open(root *logfile.Root) error {
	if l.dir != nil {
		return nil
	}
	dir, err := root.Dir(path.Dir(l.rel))
	if err != nil {
		return err
	}
	found, err := dir.Scan(l.name)
	if err != nil {
		return errors.Join(err, dir.Close())
	}
	l.dir = dir
	// A name in a far future is nobody's honest work, and none could follow it.
	farFuture := logfile.Stamp{}.Next(time.Now().AddDate(farFutureYears, 0, 0))
	for _, f := range found.Rotated {
		if f.Stamp.Compare(l.last) > 0 && f.Stamp.Compare(farFuture) < 0 {
			l.last = f.Stamp
		}
	}
	return nil
}

func (l *containerLog) closeDir() error {
	if l.dir == nil {
		return nil
	}
	dir := l.dir
	l.dir = nil
	return dir.Close()
}

// disarm takes the log from the poller, the doorbell and the timer of its age,
// whichever has it.
func (l *containerLog) disarm(m *Manager) {
	m.poller.take(l, m)
	stop(l.ageTimer)
	if l.armed {
		l.armed = false
		m.Doorbell.Disarm(l.dir.ProcPath(l.name))
	}
}

func (l *containerLog) stopTimers() { stop(l.linkTimer) }

func stop(t *time.Timer) {
	if t != nil {
		t.Stop()
	}
}

// backoff spaces out attempts at something that fails.
type backoff struct {
	wait time.Duration
	not  time.Time // before this
}

const (
	shortestBackoff = time.Second
	longestBackoff  = time.Minute
)

func (b *backoff) failed(now time.Time) {
	b.wait = longer(b.wait)
	b.not = now.Add(b.wait)
}

// longer is how long to wait after another failure.
func longer(wait time.Duration) time.Duration {
	return min(max(2*wait, shortestBackoff), longestBackoff)
}

func (b *backoff) succeeded() { *b = backoff{} }

// left is how long to wait still.
func (b *backoff) left(now time.Time) time.Duration { return max(b.not.Sub(now), 0) }

func (l *containerLog) complain(what string, err error) {
	if m := l.history.m; !m.scarcity.tookDescriptor(err) {
		l.history.meter.err(what, err)
		m.complaints.complain(l.path, l.log, what, err)
	}
}

// fault complains, and returns the whole of it for whoever has asked.
func (l *containerLog) fault(what string, err error) error {
	l.complain(what, err)
	return fmt.Errorf("%s: %w", what, err)
}

// log is where to speak of the log. It is made when there is something to say: there
// may be thousands of logs, most of which never have anything said of them.
func (l *containerLog) log() logrus.FieldLogger {
	return logFor(l.history.m.Log, &l.of.Container).WithField("path", l.path)
}
