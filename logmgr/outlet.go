package logmgr

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// missingRefresh is how often the runtime is asked anew for a file that is not there, or
// that it has not named itself.
const missingRefresh = time.Minute

// obstacleRepeat is how often it is said that something lies in a link's place.
const obstacleRepeat = time.Hour

// outlet is where one container's output comes out, as far as that is known. It belongs
// to elsewhere's goroutine.
type outlet struct {
	ownFile
	id    string
	log   *containerLog
	where *whereabouts

	told   bool      // its start has returned, and no link was made since
	wanted bool      // it is asked for, or about to be
	retry  backoff   // after a question without an answer
	failed time.Time // when the last question was in vain

	confirmed time.Time // when it was last asked whether a likely file is the right one, since the runtime named another's
	due       time.Time // when it is to be looked at next; zero: at once

	linkFrom  time.Time // when the link may be made
	linkRetry backoff   // after a link that could not be made

	obstacleSaid time.Time // when it was last said that something lies in the link's place; zero: nothing does
}

// lead takes in where the output is.
func (o *outlet) lead(to Redirection, now time.Time) {
	if o.ownFile.lead(to, now) {
		o.linkRetry.succeeded()
	}
	o.due = time.Time{}
}

// visit does what is due for an outlet, and plans the next visit.
func (e *elsewhere) visit(o *outlet) {
	now := time.Now()
	switch {
	case !o.known() && o.wanted:
		return // the answer goes on
	case !o.known() && o.retry.left(now) > 0:
		e.plan(o.retry.not)
		return
	case !o.known():
		e.wantAsk(o, &e.again)
		return
	case now.Before(o.due):
		e.plan(o.due)
		return
	}
	o.due = e.nextRound(now)
	defer func() { e.plan(o.due) }()
	defer e.m.work.begin("look after the runtime's file of "+o.log.path, stuckFile)()
	if o.to.Path != "" {
		e.link(o, now)
	}
	e.measure(o)
	e.show(o)
	if o.stale(now) && o.retry.left(now) == 0 {
		e.wantAsk(o, &e.again)
	}
}

// link makes the log path lead to the runtime's file, unless it does so already or belongs
// to another container.
func (e *elsewhere) link(o *outlet, now time.Time) {
	if o.log.owner.Load() != o.where {
		return
	}
	if left := max(o.linkFrom.Sub(now), o.linkRetry.left(now)); left > 0 && left < outletEvery {
		o.due = earlier(o.due, now.Add(left))
		return
	}
	if leadsTo(o.log.path, o.to.Path) {
		o.told = false
		return
	}
	if e.obstructed(o, now) || !o.mayLead() {
		return // the next look tells, and the next answer
	}
	made, err := e.m.linkLog(o.log, o.to.Path, o.running || o.told)
	if made {
		e.m.metrics.elsewhereLinks.Inc()
		o.log.log().WithField("file", o.to.Path).Debug("the log path was led to the runtime's file")
	}
	if err == nil {
		o.told = false
		o.linkRetry.succeeded()
		return
	}
	o.linkRetry.failed(now)
	o.due = earlier(o.due, o.linkRetry.not)
	e.m.metrics.failed(stepLink)
	o.log.complain("cannot link the log's path to the runtime's file; trying again", err)
}

// obstructed tells whether something that is no link is at the log path, which somebody must
// have put there: it may be all that there is of something, so only an operator may move it.
// The next look tells whether that was done.
func (e *elsewhere) obstructed(o *outlet, now time.Time) bool {
	info, err := os.Lstat(o.log.path)
	if err != nil || info.Mode()&fs.ModeSymlink != 0 {
		o.obstacleSaid = time.Time{}
		return false
	}
	if o.obstacleSaid.IsZero() || now.Sub(o.obstacleSaid) >= obstacleRepeat {
		o.obstacleSaid = now
		e.m.metrics.failed(stepLink)
		o.log.log().WithField("file", o.to.Path).
			Warn("a file lies where the link to the runtime's file belongs, and what is written to it is not the container's output: move it away, and the link is made within ten seconds")
	}
	return true
}

// mayLead tells whether the log path may be led to the runtime's file. A link that leads to
// a file gives way only to one that is there and that the runtime has named: after a move of
// its data it may name files where they have been, and of old ones a copy may be left.
func (o *outlet) mayLead() bool {
	if _, err := os.Readlink(o.log.path); err != nil {
		return true // there is no link
	}
	if _, err := os.Stat(o.log.path); err != nil {
		return true // it leads nowhere
	}
	if o.to.Provisional {
		return false
	}
	_, err := os.Stat(o.to.Path)
	return err == nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// leadsTo tells whether path is a link to target, or to the same file by another path.
func leadsTo(path, target string) bool {
	to, err := os.Readlink(path)
	if err != nil || to == target {
		return err == nil
	}
	at, err := os.Stat(path)
	if err != nil {
		return false
	}
	file, err := os.Stat(target)
	return err == nil && os.SameFile(at, file)
}

// linkLog makes the log's path a link to target, and tells whether it has. A container that
// runs, or has been started just now, has its directory made; kubelet removes that of others.
func (m *Manager) linkLog(l *containerLog, target string, mayMake bool) (made bool, err error) {
	open := m.root.Dir
	if mayMake {
		open = m.root.MakeDir
	}
	dir, err := open(filepath.Dir(l.rel))
	if !mayMake && errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = dir.Link(l.name, target)
	return err == nil, errors.Join(err, dir.Close())
}

// unlink removes the link of a container that is gone, if it leads nowhere.
func (e *elsewhere) unlink(l *containerLog) {
	defer e.m.work.begin("remove the link "+l.path, stuckFile)()
	err := e.m.inDir(l.history.dir, func(dir *logfile.Dir) error { return dir.RemoveDanglingLink(l.name) })
	if err != nil {
		e.m.metrics.failed(stepUnlink)
		l.complain("cannot remove the link of a container that is gone", err)
	}
}
