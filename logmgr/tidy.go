package logmgr

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
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

// rotated follows a rotation.
func (r *registry) rotated(l *containerLog) {
	r.prune(l)
	if p := l.policy.Load(); p.Compression != "" {
		r.compressLater(l, p.CompressAfter)
	}
}

// prune removes the log's excess files, in a goroutine of its own.
func (r *registry) prune(l *containerLog) {
	if l.containers == 0 {
		return // a removed container's rotated logs stay
	}
	if l.pruning {
		l.pruneAgain = true
		return
	}
	l.pruning = true
	policy := *l.policy.Load()
	r.spawn("prune "+l.path, func(context.Context) {
		retry := longestBackoff // after a panic
		defer func() { r.mail.post(func(r *registry) { r.pruned(l, retry) }) }()
		retry = r.pruneFiles(l, policy)
	})
}

// pruned follows when nobody prunes a log any longer; retry is when to do so
// again, 0: not before the next rotation.
func (r *registry) pruned(l *containerLog, retry time.Duration) {
	l.pruning = false
	stop(l.pruneTimer)
	switch {
	case l.pruneAgain:
		l.pruneAgain = false
		r.prune(l)
	case retry > 0:
		l.pruneTimer = r.after(retry, func(r *registry) { r.prune(l) })
	}
}

// pruneFiles removes the oldest files beyond what the policy keeps. It returns
// when to try again; 0: all that may go has gone.
func (m *Manager) pruneFiles(l *containerLog, p Policy) (retry time.Duration) {
	defer m.work.begin("remove old files of "+l.path, stuckFile)()
	err := m.inDir(l, func(dir *logfile.Dir) error {
		found, err := dir.Scan(l.name)
		if err != nil {
			return err
		}
		var errs []error
		for _, oldest := range excess(found.Rotated, p.MaxFiles-1) {
			// A runtime may flush to a file after the reopen has returned, and
			// a file that was just swapped out can be the oldest.
			held, err := m.held(dir, oldest)
			if errors.Is(err, fs.ErrNotExist) {
				continue // just compressed: the end of that looks again
			}
			if err != nil {
				errs = append(errs, err)
				continue
			}
			if held {
				retry = heldRetry
				break // a gap in the history would be worse than a file too many
			}
			if err := dir.Remove(oldest.Name, oldest.ID); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
				continue
			}
			m.metrics.removed.Inc()
			l.log.WithField("file", oldest.Name).WithField("size", oldest.Size).Info("removed a rotated file, since maxFiles is reached")
		}
		return errors.Join(errs...)
	})
	if err != nil {
		m.metrics.failed("remove")
		l.complain("cannot remove old files of the log", err)
		retry = longestBackoff
	}
	return retry
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

// excess are the rotated files but for the newest n. The two forms of one file,
// which a crash or a full disk has left, count once: before they are healed it is
// not known which is whole.
func excess(rotated []logfile.File, n int) []logfile.File {
	for i, f := range slices.Backward(rotated) {
		if i < len(rotated)-1 && f.Stamp == rotated[i+1].Stamp {
			continue
		}
		if n--; n < 0 {
			return rotated[:i+1]
		}
	}
	return nil
}

// compressLater sees to it that the log's files are compressed in d, or
// earlier if that is planned already; and that what a crash has left of them is
// healed, also where nothing is compressed.
func (r *registry) compressLater(l *containerLog, d time.Duration) {
	at := time.Now().Add(d)
	if !l.compressAt.IsZero() && !at.Before(l.compressAt) {
		return
	}
	l.compressAt = at
	if l.compressing {
		return // its end looks at compressAt
	}
	stop(l.compressTimer)
	if d <= 0 {
		r.compress(l)
		return
	}
	l.compressTimer = r.after(d, func(r *registry) { r.compress(l) })
}

// compress compresses the log's files in a goroutine of its own.
func (r *registry) compress(l *containerLog) {
	if l.compressing || l.containers == 0 {
		return
	}
	l.compressing = true
	l.compressAt = time.Time{}
	policy := *l.policy.Load()
	r.spawn("compress "+l.path, func(ctx context.Context) {
		var next time.Duration
		failed := true // if it panics
		defer func() { r.mail.post(func(r *registry) { r.compressed(l, next, failed) }) }()
		var err error
		next, err = r.compressFiles(ctx, l, policy)
		failed = err != nil
	})
}

// compressed follows when nobody compresses a log any longer; next is when there
// is more to do, 0: not before the next rotation.
func (r *registry) compressed(l *containerLog, next time.Duration, failed bool) {
	l.compressing = false
	at := l.compressAt
	l.compressAt = time.Time{}
	switch {
	case l.containers == 0:
		return
	case failed:
		l.compressRetry.failed(time.Now())
		r.compressLater(l, l.compressRetry.wait)
	default:
		l.compressRetry.succeeded()
		if next > 0 {
			r.compressLater(l, next)
		}
	}
	if !at.IsZero() {
		r.compressLater(l, time.Until(at))
	}
	// What was to be removed while it was compressed is still there, under another
	// name.
	r.prune(l)
}

// compressFiles compresses what is old enough and returns the time until there
// is more; 0: nothing is left to do. The first error ends it: a full disk is
// full for the next file too.
func (m *Manager) compressFiles(ctx context.Context, l *containerLog, p Policy) (next time.Duration, err error) {
	select {
	case m.compressing <- struct{}{}:
		defer func() { <-m.compressing }()
	case <-ctx.Done():
		return 0, nil
	}
	defer m.work.begin("compress "+l.path, stuckCompress)()
	err = m.inDir(l, func(dir *logfile.Dir) error {
		// Nobody else compresses this log, so what is unfinished was left by a
		// crash.
		repairs, healErr := dir.Heal(ctx, l.name)
		for _, r := range repairs {
			l.log.WithField("file", r.Name).Info(r.What)
		}
		var err error
		next, err = m.compressOld(ctx, l, dir, p)
		return errors.Join(healErr, err)
	})
	if ctx.Err() != nil {
		return 0, nil // the error says no more than that
	}
	if err != nil {
		m.metrics.failed("compress")
		l.complain("cannot compress old files of the log; they stay as they are", err)
	}
	return next, err
}

// compressOld compresses the files that are old enough, all but the newest.
func (m *Manager) compressOld(ctx context.Context, l *containerLog, dir *logfile.Dir, p Policy) (next time.Duration, err error) {
	found, err := dir.Scan(l.name)
	if err != nil || p.Compression == logfile.Plain || len(found.Rotated) == 0 {
		return 0, err
	}
	for _, f := range found.Rotated[:len(found.Rotated)-1] {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if f.Compression != logfile.Plain {
			continue
		}
		// The clock may have been set back since: never wait longer than asked.
		if young := min(p.CompressAfter-m.Now().Sub(f.ModTime), p.CompressAfter); young > 0 {
			return young, nil // all later ones are younger
		}
		done, err := m.compressFile(ctx, dir, f, p.Compression)
		if err != nil {
			return 0, err
		}
		if !done {
			next = heldRetry
		}
	}
	return next, nil
}

// compressFile compresses f, unless somebody still writes to it.
func (m *Manager) compressFile(ctx context.Context, dir *logfile.Dir, f logfile.File, c logfile.Compression) (done bool, err error) {
	held, err := m.held(dir, f)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil || held {
		return false, err
	}
	stepBack() // only now, since it costs a thread
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

// stepBack gives this goroutine's thread the lowest I/O priority. The goroutine
// stays on it, and the thread ends with the goroutine. Where the kernel refuses,
// work goes on at the usual priority.
func stepBack() {
	const (
		ioprioWhoProcess = 1
		ioprioClassIdle  = 3 << 13
	)
	runtime.LockOSThread()
	_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, ioprioWhoProcess, 0, ioprioClassIdle)
}

// longestRest bounds what one slow write to a disk is followed by.
const longestRest = 50 * time.Millisecond

// rest makes compression pause for as long as it has worked: at most half of one
// core goes into it, and less on a machine where it has to wait for its turn. A
// low scheduling priority would not do: the Go runtime waits for a thread that the
// kernel does not run before each garbage collection, and every call would wait
// too.
func rest(worked time.Duration) { time.Sleep(min(worked, longestRest)) }
