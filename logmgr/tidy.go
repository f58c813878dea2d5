package logmgr

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/retention"
)

const (
	// heldRetry is how soon a file that somebody still writes to is tried again.
	heldRetry = time.Second
	// longestFlush is how long a runtime may go on writing to a rotated file after
	// it has reopened the log, where nobody can be asked.
	longestFlush = time.Minute
	// longestOpen is how long an open file that is not written counts as held.
	longestOpen = 10 * time.Minute
)

// removeExcess removes what the policy of a history keeps no longer, in a goroutine
// of its own.
func (r *registry) removeExcess(h *history) {
	known, policy := h.known(), *h.policy.Load()
	r.spawn("tidy "+h.path, func(ctx context.Context) {
		var next time.Duration
		failed := true // if it panics
		defer func() { r.mail.post(func(r *registry) { r.done(&h.removal, next, failed) }) }()
		var err error
		next, err = r.tidy(ctx, h, known, policy)
		failed = err != nil
		h.touched.Store(true)
	})
}

// tidy removes the oldest files beyond what the policy keeps. It returns the time
// until more may have to go; 0: not before the next rotation.
func (m *Manager) tidy(ctx context.Context, h *history, known map[string]bool, p Policy) (next time.Duration, err error) {
	defer m.work.begin("remove old files in "+h.path, stuckFile)()
	err = m.inDir(h.dir, func(dir *logfile.Dir) error {
		logs, err := h.scan(dir)
		if err != nil {
			return err
		}
		m.notice(h, logs)
		only, keepErr := m.keeper.mirror(h, dir, p)
		h.meter.count(logs, only, known)
		s := takeStock(logs, known)
		s.addKept(only)
		next, err = m.removeOldest(ctx, h, dir, logs, s, p)
		if keepErr != nil {
			m.metrics.failed(stepKeep)
			h.complain("cannot keep the container's log for the time after its pod", keepErr)
			next = sooner(next, keepRetry)
		}
		return err
	})
	if err != nil {
		m.metrics.failed(stepRemove)
		h.complain("cannot remove old files of the container's log", err)
	}
	return next, err
}

// sooner is the earlier of two times until something is to be done; 0: never.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// removeOldest removes what exceeds the policy's bounds, up to the first piece that
// somebody still writes to: a gap in the history would be worse than a file too many.
func (m *Manager) removeOldest(ctx context.Context, h *history, dir *logfile.Dir, logs []logfile.Log, s stock, p Policy) (next time.Duration, err error) {
	now := m.Now()
	reasons := retention.Excess(s.files(nil), s.fixed, p.bounds(), now)
	var missed map[string]unread
	if len(reasons) > 0 && p.waitsForReaders() {
		missed, err = m.unreadOrDeserted(ctx, h, logs)
		if err != nil {
			return 0, nil //nolint:nilerr // nobody wants it any longer
		}
		wanted := len(reasons)
		reasons = retention.Excess(s.files(missed), s.fixed, p.bounds(), now)
		if len(reasons) < wanted {
			next = readersRetry
		}
	}
	for i, reason := range reasons {
		_, held, err := m.removePiece(h, dir, s.removable[i], reason, missed)
		if err != nil {
			return 0, err
		}
		if held {
			return heldRetry, nil
		}
	}
	if left := s.removable[len(reasons):]; len(left) > 0 && p.DeleteAfter > 0 {
		// The clock may have been set back since: never wait longer than asked.
		due := max(min(p.DeleteAfter-now.Sub(left[0].rotated), p.DeleteAfter), heldRetry)
		if next == 0 || due > heldRetry && due < next {
			next = due
		}
	}
	return next, nil
}

// removePiece removes all forms of a piece, unless somebody still writes to it. A
// runtime may flush to a file after the reopen has returned, and a file that was just
// swapped out can be the oldest. What goes as the policy has it is in the metrics, and in
// the journal at debug only: a container may fill many files a second. What has gone is
// returned in any case.
func (m *Manager) removePiece(h *history, dir *logfile.Dir, p piece, reason retention.Reason, missed map[string]unread) (gone []logfile.File, held bool, err error) {
	if p.kept {
		kept, err := m.keeper.opened().Dir(h.dir)
		if err != nil {
			return gone, false, ignoreMissing(err)
		}
		defer func() { err = errors.Join(err, kept.Close()) }()
		dir = kept
	}
	defer func() { h.meter.free(freedBy(gone)) }()
	for _, f := range p.files {
		probe := m.held
		if p.current {
			probe = m.heldAtAll // whoever holds it may be the container itself
		}
		held, err := probe(dir, f)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // just compressed: the end of that looks again
		case held || err != nil:
			return gone, held, err
		}
		if err := dir.Remove(f.Name, f.ID); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return gone, false, err
		}
		m.metrics.removed.WithLabelValues(string(reason)).Inc()
		gone = append(gone, f)
		log := h.log().WithFields(logrus.Fields{"file": f.Name, "size": f.Size, "setting": string(reason)})
		u := missed[f.Name]
		if u.open {
			h.audience.miss(p.log, f)
		}
		if u.bytes > 0 {
			m.lost(u, log)
			continue
		}
		log.Debug("removed a rotated file")
	}
	return gone, false, nil
}

// freed is what a removal frees once nobody has the files open any longer.
type freed struct{ bytes, inodes int64 }

// freedBy is what the removal of files frees.
func freedBy(files []logfile.File) (sum freed) {
	for _, f := range files {
		sum.bytes += f.Disk
		sum.inodes++
	}
	return sum
}

// heldAtAll tells whether somebody has a file open for writing, however long nothing
// was written. Where the file system cannot say, it is so until it has been quiet for a
// while.
func (m *Manager) heldAtAll(dir *logfile.Dir, f logfile.File) (bool, error) {
	held, err := dir.Held(f.Name)
	if errors.Is(err, errors.ErrUnsupported) {
		return m.Now().Sub(f.ModTime) < longestOpen, nil
	}
	return held, err
}

// held tells whether somebody still writes to a rotated file. One that is held
// open and not written, as by a descriptor that was leaked, is free after a while;
// where the file system cannot say who holds it, as NFS, sooner.
func (m *Manager) held(dir *logfile.Dir, f logfile.File) (bool, error) {
	held, err := dir.Held(f.Name)
	quiet := m.Now().Sub(f.ModTime)
	if errors.Is(err, errors.ErrUnsupported) {
		return quiet < longestFlush, nil
	}
	return held && quiet < longestOpen, err
}

// inDir runs f in a directory below podLogsDir, opened anew: whoever tends a log
// in it has a descriptor of its own, which may be closed at any time. A directory
// that is gone has nothing to tidy.
func (m *Manager) inDir(rel string, f func(*logfile.Dir) error) error {
	dir, err := m.root.Dir(rel)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f(dir), dir.Close())
}
