package logmgr

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/cri-logshim/cri-logshim/event"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

const (
	// reopenTimeout is how long a reopen may take. A slow attach client can
	// hang it for as long as it pleases.
	reopenTimeout = 2 * time.Minute
	// reopenGrace is what is left to a reopen under way when its log is to be
	// left alone or the manager is to end.
	reopenGrace = time.Second
	// lateFactor is how many times maxSize a file is worth an event.
	lateFactor = 2
)

// rotate moves the current file aside and makes the runtime open a new one:
//
//	current ──readers have opened it──▶ alone ──rename──▶ missing ──reopen──▶ swapped ──▶ current
//	                                                        │ refused: rename back, later again
//	                                                        └ unknown: in doubt; when the log is missing it
//	                                                          is reopened, when the old file still grows, rotated
//
// It begins when the file has reached the size of full, for which it waits a little, if it is
// wanted still. The error, which was complained of, is what has failed; nil also where there was
// nothing to do any more.
func (t *tender) rotate(ctx context.Context, seen logfile.Info, full int64, wanted func() bool) error {
	l := t.l
	if err := t.lock(ctx); err != nil {
		return nil // nobody wants it any longer
	}
	defer t.gate.unlock()
	if ctx.Err() != nil {
		return nil // what is begun now would be cut short
	}
	// Another rotator may have been at work while we waited for the lock.
	info, err := l.dir.Stat(l.name)
	if err != nil || info.ID != seen.ID {
		return nil // the next look finds out
	}
	endWindow := t.gate.openWindow()
	defer endWindow()
	if info, err = t.waitForReaders(ctx, info, full); err != nil || info.ID != seen.ID || info.Size < full {
		return nil // as above
	}
	if t.m.inability.known() || !wanted() {
		return t.m.inability.err() // since another log has found out meanwhile
	}
	began := time.Now()
	rotated, err := t.moveAside(info)
	if err != nil {
		t.m.metrics.failed(stepRename)
		l.retry.failed(time.Now())
		return l.fault("cannot move the full log aside", err)
	}
	err = t.reopen(ctx)
	took := time.Since(began)
	if err == nil {
		t.waitForFlush(ctx, rotated)
	}
	endWindow()
	switch {
	case err == nil:
		t.swapped(rotated, info, took)
		return nil
	case errors.Is(err, ErrRefused):
		l.retry.failed(time.Now())
		if !errors.Is(err, ErrCannotReopen) { // that is said for all logs at once
			err = l.fault("the runtime refuses to reopen the log, so it goes back to its place", err)
		}
		t.putBack(rotated, info)
		t.m.Reconcile() // it refuses when the container has exited
		return err
	default:
		l.retry.failed(time.Now())
		l.doubt = doubt{name: rotated, since: time.Now()}
		return l.fault("it is not known whether the log was reopened", err)
	}
}

// lock waits for the turn to rotate, which another rotator may have.
func (t *tender) lock(ctx context.Context) error {
	defer t.m.work.begin("wait for another rotator of "+t.l.path, stuckRuntime)()
	return t.gate.lock(ctx)
}

// moveAside renames the current file to a rotated name later than all others.
func (t *tender) moveAside(info logfile.Info) (rotated string, err error) {
	l := t.l
	for range 3 {
		l.last = l.last.Next(t.m.Now())
		rotated = logfile.RotatedName(l.name, l.last)
		err = l.dir.Rename(l.name, rotated, info.ID)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return rotated, err
}

// putBack undoes moveAside. If there is a new log by now, both are kept.
func (t *tender) putBack(rotated string, info logfile.Info) {
	l := t.l
	err := l.dir.Rename(rotated, l.name, info.ID)
	switch {
	case errors.Is(err, fs.ErrExist):
		l.log().WithField("file", rotated).Info("there is a new log already, so both files are kept")
		// Whether the runtime has made it is not known.
		l.doubt = doubt{name: rotated, since: time.Now()}
		t.m.mail.post(func(r *registry) { r.rotated(l) })
	case err != nil:
		t.m.metrics.failed(stepRename)
		l.complain("cannot put the log back in its place", err)
	}
}

// swapped takes in a rotation that went well, of a file that was as large as info says
// when it began, and how long it took to the end of the reopen.
func (t *tender) swapped(rotated string, info logfile.Info, took time.Duration) {
	l := t.l
	now := time.Now()
	l.retry.succeeded()
	l.doubt = doubt{}
	l.urged.Store(false)
	t.m.metrics.rotated()
	t.m.metrics.window.Observe(took.Seconds())
	made := Rotation{File: rotated, Bytes: info.Size}
	defer func() { l.answer(made, nil) }()
	if old, err := l.dir.Stat(rotated); err == nil {
		made.Bytes = old.Size
		l.pace.swapped(took, old.Size-info.Size)
		others := l.pace.swap
		t.m.swaps.Store(&others)
		share := float64(old.Size) / float64(t.policy.MaxSize)
		t.m.metrics.fill.Observe(share)
		l.weigh(now, old) // to its last byte
		l.history.meter.rotate(t.m.Now(), share)
		t.tellLate(old.Size)
		l.log().WithField("file", rotated).WithField("size", old.Size).WithField("took", took).Debug("rotated")
	}
	if current, err := l.dir.Stat(l.name); err == nil {
		l.weigh(now, current)
		l.pace.restart(now, current.Size)
		t.see(current)
	} else {
		l.pace.restart(now, 0) // the next look finds it missing and heals it
	}
	t.m.mail.post(func(r *registry) { r.rotated(l) })
}

// tellLate tells of a file that was far beyond the limit when it was rotated, once a minute
// for a log.
func (t *tender) tellLate(size int64) {
	limit := t.policy.MaxSize
	if limit <= 0 || size < lateFactor*limit || t.m.complaints.repeated(complaint{t.l.path, string(event.OverLimit)}) {
		return
	}
	event.OverLimit.On(t.l.log()).WithField("size", size).WithField("maxSize", limit).Info("rotated a log that was far beyond its limit")
}

// reopen asks the runtime to reopen the log, unless it cannot. Once begun, it is cut short only
// reopenGrace after ctx is done, since what it has done by then is not known.
func (t *tender) reopen(ctx context.Context) error {
	if err := t.m.inability.err(); err != nil {
		return err
	}
	defer t.m.work.begin("reopen "+t.l.path+" by the runtime", stuckRuntime)()
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), reopenTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(reopenGrace, cancel)
		context.AfterFunc(call, func() { timer.Stop() })
	})()
	t.gate.reopened(logfile.ID{})
	began := time.Now()
	err := t.m.Runtime.ReopenLog(call, t.id)
	t.m.metrics.reopen.Observe(time.Since(began).Seconds())
	if err != nil {
		t.m.inability.learn(t.m, err)
		t.m.metrics.failed(stepReopen)
		return fmt.Errorf("reopen the log of container %s: %w", t.id, err)
	}
	if t.m.inability.forget() { // it was the answer of a moment
		t.m.mail.post((*registry).countLogs)
	}
	// If the new log is gone already, somebody else has renamed it.
	if info, err := t.l.dir.Stat(t.l.name); err == nil {
		t.gate.reopened(info.ID)
	}
	return nil
}

// reopenMissing makes the runtime write to the log's path again, where there
// is nothing.
func (t *tender) reopenMissing(ctx context.Context) {
	l := t.l
	if err := t.lock(ctx); err != nil {
		return
	}
	defer t.gate.unlock()
	// Under conmon a reopen destroys a log that is there.
	if _, err := l.dir.Stat(l.name); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	err := t.reopen(ctx)
	switch {
	case err == nil:
		l.doubt = doubt{}
		if _, err := l.dir.Stat(l.name); err != nil {
			l.retry.failed(time.Now())
			l.complain("the runtime has reopened the log, but it is not at its path", err)
			return
		}
		l.retry.succeeded()
		t.m.metrics.healed.Inc()
		event.LogReopened.On(l.log()).Info("reopened the log, which was missing")
	case errors.Is(err, ErrRefused):
		l.retry.failed(time.Now())
		l.complain("the log is missing and the runtime refuses to reopen it", err)
		if err := t.putNewestBack(t.written); err != nil {
			l.complain("cannot put the newest rotated file back in place of the missing log", err)
		}
		t.m.Reconcile()
	default:
		l.retry.failed(time.Now())
		l.complain("the log is missing and it is not known whether it was reopened", err)
	}
}

// doubt is a rotation of which it is not known whether the runtime has swapped
// files: the new one may be there while the old one is still written.
type doubt struct {
	name  string // of the rotated file; empty: no doubt
	since time.Time
	size  int64 // of it, when last looked at
	seen  bool
}

// doubtFor is how long a file in doubt is watched. A runtime that has not
// swapped writes to it within that time, or nothing is written at all.
const doubtFor = 10 * time.Minute

// adopt is for the first look at a log. What was in doubt before a restart is not
// known any more: a rotated file that is still open for writing beside a new log may
// be one of which the runtime has made the new one without swapping.
func (t *tender) adopt(now time.Time) {
	l := t.l
	if l.adopted {
		return
	}
	l.adopted = true
	found, err := l.dir.Scan(l.name)
	if err != nil || len(found.Rotated) == 0 {
		return // what cannot be listed now is complained about where files are removed
	}
	newest := found.Rotated[len(found.Rotated)-1]
	if newest.Compression == logfile.Plain && t.written(newest) {
		l.doubt = doubt{name: newest.Name, since: now}
	}
}

// doubtful tells whether a rotation in doubt has turned out not to have
// happened, so that it has to be done again.
func (t *tender) doubtful(now time.Time) bool {
	d := &t.l.doubt
	if d.name == "" || t.l.retry.left(now) > 0 {
		return false
	}
	info, err := t.l.dir.Stat(d.name)
	if err != nil || now.Sub(d.since) > doubtFor {
		*d = doubt{}
		return false
	}
	grown := d.seen && info.Size > d.size
	d.size, d.seen = info.Size, true
	return grown
}
