package logmgr

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/event"
)

// lockRetry is how soon a pod logs directory that another manager holds is
// asked for again, at first, since nobody looks after the logs meanwhile if that one hands
// over, and later.
const (
	lockRetry     = 10 * time.Millisecond
	lockRetryLate = 100 * time.Millisecond
)

// handOverTime is how long another manager may hold the lock without a word about it:
// one that hands over needs less.
const handOverTime = 2 * time.Second

// lock makes this manager the only one of its pod logs directory: two would
// reopen one container at the same time, and remove by different policies. It
// waits for another one to end. The kernel gives the lock back when the process
// ends, however that happens.
func (m *Manager) lock(ctx context.Context) (unlock func() error, err error) {
	dir, err := os.Open(m.PodLogsDir)
	if err != nil {
		return nil, fmt.Errorf("lock podLogsDir: %w", err)
	}
	ticker := time.NewTicker(lockRetry)
	defer ticker.Stop()
	begun, told := time.Now(), false
	for {
		err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			m.waiting.Store(false)
			if told {
				event.LogsTakenOver.On(m.Log).WithField("podLogsDir", m.PodLogsDir).Info("managing these logs now")
			}
			return dir.Close, nil
		case !errors.Is(err, unix.EWOULDBLOCK):
			return nil, errors.Join(fmt.Errorf("lock podLogsDir %q: %w", m.PodLogsDir, err), dir.Close())
		case !told && time.Since(begun) > handOverTime:
			told = true
			ticker.Reset(lockRetryLate)
			event.LogsHeld.On(m.Log).WithField("podLogsDir", m.PodLogsDir).Warn("another cri-logshim manages these logs; waiting for it to end")
		}
		m.waiting.Store(true)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), dir.Close())
		}
	}
}
