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
	// patience is the share of the limit by which a log may grow meanwhile.
	patience = 1.0 / 100
)

// waitForReaders puts a rotation off until those readers that were let go last have opened
// the file, and returns what that has come to. In the caller's window no more of them are
// let go, so that readers without end cannot put it off for longer than openingTime. A
// writer for which that is too long is waited for as long as patience allows, or not at all.
func (t *tender) waitForReaders(ctx context.Context, info logfile.Info) (logfile.Info, error) {
	left := openingTime - t.gate.sincePassed()
	if left <= 0 {
		return info, nil
	}
	end := time.Now().Add(left)
	enough := info.Size + int64(patience*float64(t.policy.MaxSize))
	timer := time.NewTimer(left)
	defer timer.Stop()
	for {
		step := min(time.Until(end), t.l.pace.step(enough-info.Size))
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
