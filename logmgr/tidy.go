package logmgr

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// heldRetry is how soon a file that somebody still writes to is tried again.
const heldRetry = time.Second

// rotated follows a rotation.
func (r *registry) rotated(l *containerLog) {
	r.prune(l)
	if l.policy.Compression != "" {
		r.compressLater(l, l.policy.CompressAfter)
	}
}

// prune removes the log's excess files, in a goroutine of its own.
func (r *registry) prune(l *containerLog) {
	if l.pruning {
		l.pruneAgain = true
		return
	}
	l.pruning = true
	policy := l.policy
	r.spawn("prune "+l.path, func(context.Context) {
		retry := r.Manager.pruneFiles(l, policy)
		r.mail.post(func(r *registry) {
			l.pruning = false
			switch {
			case l.containers == 0:
			case l.pruneAgain:
				l.pruneAgain = false
				r.prune(l)
			case retry:
				r.after(heldRetry, func(r *registry) { r.prune(l) })
			}
		})
	})
}

// pruneFiles removes the oldest files beyond what the policy keeps. It reports
// whether there is one that may go later.
func (m *Manager) pruneFiles(l *containerLog, p Policy) (retry bool) {
	defer m.work.begin("remove old files of "+l.path, stuckFile)()
	err := m.inDir(l, func(dir *logfile.Dir) error {
		found, err := dir.Scan(l.name)
		if err != nil {
			return err
		}
		var errs []error
		for len(found.Rotated) > p.MaxFiles-1 {
			oldest := found.Rotated[0]
			found.Rotated = found.Rotated[1:]
			// A runtime may flush to a file after the reopen has returned, and
			// a file that was just swapped out can be the oldest.
			held, err := dir.Held(oldest.Name)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				errs = append(errs, err)
				continue
			}
			if held {
				retry = true
				break
			}
			if err := dir.Remove(oldest.Name, oldest.ID); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
				continue
			}
			m.metrics.removed.Inc()
			l.log.WithField("file", oldest.Name).WithField("size", oldest.Size).Debug("removed, since maxFiles is reached")
		}
		return errors.Join(errs...)
	})
	if err != nil {
		m.metrics.failed("remove")
		l.log.WithError(err).Warn("cannot remove old files of the log")
	}
	return retry
}

// compressLater sees to it that the log's files are compressed in d, or
// earlier if that is planned already; and that what a crash has left of them is
// healed, also where nothing is compressed.
func (r *registry) compressLater(l *containerLog, d time.Duration) {
	if l.compressTimer != nil || l.compressing {
		return
	}
	l.compressTimer = r.after(d, func(r *registry) {
		l.compressTimer = nil
		if l.containers == 0 || l.compressing {
			return
		}
		l.compressing = true
		policy := l.policy
		r.spawn("compress "+l.path, func(ctx context.Context) {
			next := r.compressFiles(ctx, l, policy)
			r.mail.post(func(r *registry) {
				l.compressing = false
				if l.containers > 0 && next > 0 {
					r.compressLater(l, next)
				}
			})
		})
	})
}

// compressFiles compresses what is old enough and returns the time until there
// is more; 0: nothing is left to do.
func (m *Manager) compressFiles(ctx context.Context, l *containerLog, p Policy) (next time.Duration) {
	select {
	case m.compressing <- struct{}{}:
		defer func() { <-m.compressing }()
	case <-ctx.Done():
		return 0
	}
	defer m.work.begin("compress "+l.path, stuckCompress)()
	stepBack()
	err := m.inDir(l, func(dir *logfile.Dir) error {
		// Nobody else compresses this log, so what is unfinished was left by a
		// crash.
		repairs, err := dir.Heal(ctx, l.name)
		for _, r := range repairs {
			l.log.WithField("file", r.Name).Info(r.What)
		}
		errs := []error{err}
		found, err := dir.Scan(l.name)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		for i, f := range found.Rotated {
			if ctx.Err() != nil || p.Compression == "" {
				break
			}
			if f.Compression != "" || i == len(found.Rotated)-1 {
				continue
			}
			// The clock may have been set back since: never wait longer than asked.
			if young := min(p.CompressAfter-m.Now().Sub(f.ModTime), p.CompressAfter); young > 0 {
				next = young
				break // all later ones are younger
			}
			switch done, err := m.compressFile(ctx, dir, f, p.Compression); {
			case err != nil:
				errs = append(errs, err)
				next = longestBackoff
			case !done:
				next = heldRetry
			}
		}
		return errors.Join(errs...)
	})
	if err != nil && ctx.Err() == nil {
		m.metrics.failed("compress")
		l.log.WithError(err).Warn("cannot compress old files of the log; they stay as they are")
		next = longestBackoff
	}
	return next
}

// compressFile compresses f, unless somebody still writes to it.
func (m *Manager) compressFile(ctx context.Context, dir *logfile.Dir, f logfile.File, c logfile.Compression) (done bool, err error) {
	held, err := dir.Held(f.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil || held {
		return false, err
	}
	made, err := dir.Compress(ctx, f, c)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	m.metrics.compressedIn.Add(float64(f.Size))
	m.metrics.compressedOut.Add(float64(made.Size))
	return true, nil
}

// inDir runs f in the log's directory, opened anew: whoever tends the log has
// a descriptor of its own, which may be closed at any time. A directory that
// is gone has nothing to tidy.
func (m *Manager) inDir(l *containerLog, f func(*logfile.Dir) error) error {
	dir, err := m.root.Dir(path.Dir(l.rel))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f(dir), dir.Close())
}

// stepBack gives this goroutine's thread the lowest I/O and a low CPU priority.
// The goroutine stays on it, and the thread ends with the goroutine. Where the
// kernel refuses, work goes on at the usual priority.
func stepBack() {
	const (
		ioprioWhoProcess = 1
		ioprioClassIdle  = 3 << 13
		nice             = 10
	)
	runtime.LockOSThread()
	_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, ioprioWhoProcess, 0, ioprioClassIdle)
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, nice)
}
