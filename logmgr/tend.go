package logmgr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/cri-logshim/cri-logshim/event"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// missingFor is how long a running container's log must be absent before it is
// reopened: another rotator has its own reopen under way until then.
const missingFor = time.Second

// tender looks after one awake log.
type tender struct {
	m      *Manager
	l      *containerLog
	policy Policy // at the last look
	id     string // of the running container
	gate   *gate
	where  *whereabouts // of the container's output
	polled bool         // it would sleep if it could be watched
	proof  proof        // that the output is at the log path
}

// tend looks at the log as often as its pace asks for and rotates it, until it is
// calm and left to the poller, has become quiet and its doorbell is armed, its policy
// turns rotation off, or ctx is done.
func (t *tender) tend(ctx context.Context) {
	t.l.disarm(t.m)
	if !t.l.handed {
		t.l.pace.wake()
	}
	t.l.handed = false
	timer := time.NewTimer(longestLook)
	defer timer.Stop()
	defer t.watched()
	for ctx.Err() == nil {
		policy := t.l.policy.Load()
		t.policy = *policy
		if t.m.inability.known() {
			t.policy.MaxAge = 0
		}
		if !t.policy.rotates() {
			t.l.answer(Rotation{}, errOff)
			if t.notice() {
				return
			}
		}
		wait, fine := longestLook, false
		if t.policy.rotates() {
			wait, fine = t.look(ctx)
		}
		if fine && t.l.doubt.name == "" {
			switch {
			case !t.l.pace.quiet():
				if t.l.pace.calm(t.policy.MaxSize) && !t.m.inability.known() {
					t.doze(policy, wait)
					return
				}
			case t.sleep():
				return
			case t.polled:
				wait = t.untilPoll()
			}
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-t.l.nudge:
		case <-timer.C:
		}
	}
}

// look measures the log once, rotates it if that is due, and returns the time
// until the next look. All is fine if there is a log and nothing to do about it.
func (t *tender) look(ctx context.Context) (wait time.Duration, fine bool) {
	l := t.l
	info, err := t.measure()
	now := time.Now()
	switch {
	case errors.Is(err, fs.ErrNotExist): // the log, or its directory
		return t.missing(ctx, now), false
	case err != nil && !t.where.await():
		return longestLook, false // it may be a link
	case l.dir == nil:
		t.fail("cannot open the log's directory", err)
		l.opening.failed(now)
		return l.opening.wait, false
	case err != nil:
		t.m.metrics.failed(stepStat)
		t.fail("cannot look at the log", err)
		return longestLook, false
	}
	l.missingSince = time.Time{}
	l.opening.succeeded()
	l.weigh(now, info)
	seen := t.see(info)
	l.pace.prepare(t.m.FastestWriter, t.m.swaps.Load())
	l.pace.look(now, info.Size)
	if !l.adopted && t.m.Now().Sub(info.ModTime) >= quietAfter {
		l.pace.rest() // at a start there may be thousands of logs
	}
	t.adopt(now)
	t.ageOf(info, now)
	if err := t.m.inability.err(); err != nil {
		l.answer(Rotation{}, err)
		l.doubt = doubt{}
		return longestLook, seen
	}
	if info.Size == 0 {
		l.answer(Rotation{}, errEmpty)
	}
	ripens, never := t.ripens(now)
	unasked := info.Size > 0 && (l.pace.due(t.policy.MaxSize) || ripens == 0 && !never || l.urged.Load())
	ordered := l.order.Load()
	due := unasked || info.Size > 0 && ordered != nil
	hold := t.untilHold()
	// A file in doubt counts also while the new one is empty: so it looks when the
	// runtime has made it and hangs before it writes there.
	if !due && hold > 0 && !t.doubtful(now) {
		wait := min(l.pace.wait(t.policy.MaxSize), max(hold, shortestLook))
		if !never {
			wait = min(wait, max(ripens, shortestLook))
		}
		return wait, seen
	}
	// What is due and has to wait is not put to sleep over its limit.
	if left := l.retry.left(now); left > 0 {
		l.answer(Rotation{}, fmt.Errorf("the last rotation has failed, and the next is tried in %s", left.Round(time.Second)))
	}
	if left := max(l.retry.left(now), l.pace.young(now)); left > 0 {
		return min(left, longestLook), false
	}
	if !t.where.await() && !t.proven(now, info) {
		t.waitInVain(now)
		return longestLook, false
	}
	full := info.Size
	if !due && hold == 0 {
		full = int64(l.pace.full(t.policy.MaxSize))
	}
	wanted := func() bool {
		return l.policy.Load().rotates() && (unasked || ordered == nil || l.order.Load() == ordered)
	}
	err = t.rotate(ctx, info, full, wanted)
	if ctx.Err() == nil && l.policy.Load().rotates() { // or else tend answers
		l.answer(Rotation{}, cmp.Or(err, errOtherRotator))
	}
	return shortestLook, false
}

// measure looks at the current file. Without a directory to look in, dir stays
// nil.
func (t *tender) measure() (logfile.Info, error) {
	defer t.m.work.begin("look at "+t.l.path, stuckFile)()
	if err := t.l.open(t.m.root); err != nil {
		return logfile.Info{}, err
	}
	return t.l.dir.Stat(t.l.name)
}

// doze leaves the log to the poller.
func (t *tender) doze(p *Policy, wait time.Duration) {
	now := time.Now()
	t.l.doze = doze{policy: p}
	if left, never := t.ripens(now); !never {
		t.l.doze.ripe = now.Add(left)
	}
	t.m.poller.add(t.l, t.m, now, wait)
}

// sleep arms the doorbell and reports whether the log is still as it was seen.
func (t *tender) sleep() bool {
	l := t.l
	defer t.m.work.begin("watch "+l.path, stuckFile)()
	m := t.m // alone: the ring is kept for as long as the log sleeps
	err := m.Doorbell.Arm(l.dir.ProcPath(l.name), func() {
		m.mail.post(func(r *registry) { r.wake(l) })
	})
	if err != nil {
		t.unwatched(err)
		return false
	}
	l.armed = true
	t.watched()
	// What was written between the last look and the watch has not rung.
	info, err := l.dir.Stat(l.name)
	if err != nil || info.Size != l.pace.size {
		l.disarm(t.m)
		return false
	}
	t.wakeAtAge(time.Now())
	return true
}

// unwatched notes that the log cannot be watched.
func (t *tender) unwatched(err error) {
	t.m.metrics.failed(stepWatch)
	if !t.m.scarcity.tookWatch(err) {
		t.l.complain("cannot watch the log, so it is polled", err)
	}
	if !t.polled {
		t.polled = true
		t.m.scarcity.poll()
	}
}

// watched ends what unwatched has begun.
func (t *tender) watched() {
	if t.polled {
		t.polled = false
		t.m.scarcity.unpoll()
	}
}

// untilPoll is the time until the next look at a quiet log that is polled. That is not
// as often as a writer of any speed would have it: there may be thousands of them.
func (t *tender) untilPoll() time.Duration {
	left, never := t.ripens(time.Now())
	if never {
		return longestLook
	}
	return min(max(left, shortestLook), longestLook)
}

// missing deals with a running container whose log is not there.
func (t *tender) missing(ctx context.Context, now time.Time) time.Duration {
	l := t.l
	if l.missingSince.IsZero() {
		l.missingSince = now
	}
	if left := missingFor - now.Sub(l.missingSince); left > 0 {
		return left
	}
	if !t.where.await() && !t.provenAside(now) {
		l.answer(Rotation{}, errMissing)
		return longestLook
	}
	if err := t.findDir(); err != nil {
		t.fail("the log's directory is missing and cannot be made", err)
		l.opening.failed(now)
		return l.opening.wait
	}
	if left := l.retry.left(now); left > 0 {
		l.answer(Rotation{}, fmt.Errorf("%w, and it is tried in %s to have it reopened", errMissing, left.Round(time.Second)))
		return min(left, longestLook)
	}
	t.reopenMissing(ctx)
	if ctx.Err() == nil {
		l.answer(Rotation{}, errMissing)
	}
	return shortestLook
}

// settle heals the log of an exited container: a rotation that a crash cut in
// two has left no current log, which `kubectl logs` would look for.
func (t *tender) settle(ctx context.Context) {
	l := t.l
	defer t.m.work.begin("settle "+l.path, stuckFile)()
	l.disarm(t.m)
	l.handed = false
	if err := l.open(t.m.root); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			l.complain("cannot open the log's directory", err)
		}
		return
	}
	info, err := l.dir.Stat(l.name)
	if errors.Is(err, logfile.ErrUnsafe) { // a rename in two steps may have been cut short
		if _, err := l.dir.Heal(ctx, l.name); err != nil {
			l.complain("cannot heal the log", err)
		}
		info, err = l.dir.Stat(l.name)
	}
	switch {
	case err == nil:
		l.weigh(time.Now(), info)
		t.see(info)
	case errors.Is(err, fs.ErrNotExist):
		if err := t.putNewestBack(func(logfile.File) bool { return true }); err != nil {
			l.complain("cannot put the newest rotated file back in place of the missing log", err)
		}
	}
	// An exited container's log may stay for days; its descriptor need not.
	if err := l.closeDir(); err != nil {
		l.complain("cannot close the log's directory", err)
	}
}

// letGo ends the care for a log whose output is elsewhere, or may be.
func (t *tender) letGo(context.Context) {
	t.l.disarm(t.m)
	t.l.handed = false
	if err := t.l.closeDir(); err != nil {
		t.l.complain("cannot close the log's directory", err)
	}
}

// findDir opens the directory that the log's path names now, and makes it if
// somebody has removed it: a runtime would do so too, and conmon does not
// survive without.
func (t *tender) findDir() error {
	l := t.l
	defer t.m.work.begin("find the directory of "+l.path, stuckFile)()
	if l.dir != nil {
		if lost, err := l.dir.Lost(); err == nil && !lost {
			return nil
		}
		if err := l.closeDir(); err != nil {
			return err
		}
	}
	made, err := t.m.root.MakeDir(path.Dir(l.rel))
	if err != nil {
		return err
	}
	if err := made.Close(); err != nil {
		return err
	}
	return l.open(t.m.root)
}

// written tells whether somebody has a rotated file open for writing.
func (t *tender) written(f logfile.File) bool {
	held, err := t.l.dir.Held(f.Name)
	return err == nil && held
}

// putNewestBack renames the newest rotated file, if it is plain and fit, to the
// log.
func (t *tender) putNewestBack(fit func(logfile.File) bool) error {
	found, err := t.l.dir.Scan(t.l.name)
	if err != nil {
		return err
	}
	if found.Current != nil || len(found.Rotated) == 0 {
		return nil
	}
	newest := found.Rotated[len(found.Rotated)-1]
	if newest.Compression != logfile.Plain || !fit(newest) {
		return nil
	}
	err = t.l.dir.Rename(newest.Name, t.l.name, newest.ID)
	if errors.Is(err, fs.ErrExist) {
		return nil // there is a log again
	}
	if err != nil {
		return err
	}
	event.LogRestored.On(t.l.log()).WithField("from", newest.Name).Info("put the newest rotated file back")
	return nil
}
