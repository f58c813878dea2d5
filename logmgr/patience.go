package logmgr

import (
	"context"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

const (
	// openingTime is how long a reader may take to open a log once it was told where that
	// is. kubelet takes less than a millisecond, if it is given the processor.
	openingTime = 20 * time.Millisecond
	// flushTime is how long a runtime may take to write what it had read before it has
	// swapped files. containerd takes some tenths of a millisecond.
	flushTime = 10 * time.Millisecond
	// patience is the share of the limit by which a log may grow meanwhile, once it is due.
	patience = 1.0 / 100
	// foreseenShare of the limit is how far before that readers may be held, so that the
	// file is of its full size when they have opened it.
	foreseenShare = 1.0 / 6
)

// untilHold is in how long readers have to be held, so that the last one has opened the log
// when it is due: 0 for now, and a second at least if nobody reads it or it grows too fast
// for that.
func (t *tender) untilHold() time.Duration {
	left := t.gate.openingLeft()
	dueIn, foreseen := t.l.pace.dueIn(t.policy.MaxSize)
	if left <= 0 || !foreseen {
		return longestLook
	}
	return max(0, dueIn-left)
}

// waitForReaders waits until the file has reached the size of full, and until those readers
// that were let go last have opened it, and returns what it has come to. In the caller's
// window no more of them are let go, so that readers without end cannot put a rotation off
// for longer than openingTime. Once the file is full, they are waited for as long as
// patience allows, which is not at all if it grows fast. A file that does not become full
// within twice openingTime is not waited for.
func (t *tender) waitForReaders(ctx context.Context, info logfile.Info, full int64) (logfile.Info, error) {
	began := time.Now()
	opened := began.Add(t.gate.openingLeft())
	enough := full + int64(patience*float64(t.policy.MaxSize))
	timer := time.NewTimer(openingTime)
	defer timer.Stop()
	for {
		now := time.Now()
		end := opened
		if info.Size < full {
			end = began.Add(2 * openingTime)
		}
		step := min(end.Sub(now), t.l.pace.step(enough-info.Size))
		if step <= 0 {
			return info, nil
		}
		timer.Reset(step)
		select {
		case <-ctx.Done():
			return info, context.Cause(ctx)
		case <-timer.C:
		}
		var err error
		if info, err = t.l.dir.Stat(t.l.name); err != nil {
			return info, err
		}
		t.l.pace.look(time.Now(), info.Size)
	}
}

// waitForFlush waits until the runtime has closed a file that it has swapped, if a reader
// is held: one that follows the log reads that file to its end once it is let go, and then
// leaves it for the new one for good.
func (t *tender) waitForFlush(ctx context.Context, rotated string) {
	if !t.gate.awaited() {
		return
	}
	tick := time.NewTicker(shortestLook)
	defer tick.Stop()
	for end := time.Now().Add(flushTime); time.Now().Before(end); {
		if held, err := t.l.dir.Held(rotated); err != nil || !held {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
