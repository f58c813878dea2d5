package logmgr

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// see takes note of the file that is the log now, and reports whether all is done
// that is to be done to a new one.
func (t *tender) see(info logfile.Info) bool {
	l, files := t.l, t.m.files.Load()
	if l.current == info.ID && l.files == files {
		return true
	}
	now := time.Now()
	if l.current == info.ID && l.freshRetry.left(now) > 0 {
		return false
	}
	l.current = info.ID
	if err := t.fresh(info, files); err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.files = nil // so that it is done again
		l.freshRetry.failed(now)
		t.m.metrics.failed(stepPrepare)
		l.complain("cannot do everything that is to be done to a new log file; trying again", err)
		return false
	}
	l.files = files
	l.freshRetry.succeeded()
	return true
}

// notice does what is to be done to the current file of a log that is not rotated,
// and reports whether all of it is done.
func (t *tender) notice() bool {
	info, err := t.measure()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.l.complain("cannot look at the log", err)
	}
	if err != nil {
		return true
	}
	t.l.weigh(time.Now(), info)
	return t.see(info)
}

// fresh is called once for each file that becomes the log: right after a rotation
// of ours, else at the next look; and again for the same file when the settings
// change. Who tends the log waits for it, so it is short.
func (t *tender) fresh(info logfile.Info, files *Files) error {
	defer t.m.work.begin("prepare "+t.l.path, stuckFile)()
	return errors.Join(t.open(info, files), t.hold(info))
}

// hold gives the log its second name. What is missing in keepDir is not the log.
func (t *tender) hold(info logfile.Info) error {
	err := t.m.keeper.hold(t.l, info.ID, *t.l.policy.Load())
	if errors.Is(err, fs.ErrNotExist) {
		if _, gone := t.l.dir.Stat(t.l.name); errors.Is(gone, fs.ErrNotExist) {
			return nil // the next look finds it missing
		}
		return fmt.Errorf("give the log a name in keepDir: %s", err) //nolint:errorlint // it would be taken for the log's
	}
	if err != nil {
		return fmt.Errorf("give the log a name in keepDir: %w", err)
	}
	return nil
}

// open gives the log the group and mode that its readers need.
func (t *tender) open(info logfile.Info, files *Files) error {
	access := logfile.Access{Group: -1, Mode: files.Mode}
	if files.Group != nil {
		access.Group = *files.Group
	}
	if !files.set() {
		return nil
	}
	if err := t.l.dir.SetAccess(t.l.name, info.ID, access); err != nil {
		return fmt.Errorf("open the log to its readers: %w", err)
	}
	return nil
}
