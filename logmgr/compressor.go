package logmgr

import (
	"context"
	"errors"
	"io/fs"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/kept"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// compressor compresses one file at a time on the whole node, in the order in which
// histories asked for it.
type compressor struct {
	queue *mailbox[compression]
	aside bool // its thread has stepped back
}

// compression is what one history wants compressed.
type compression struct {
	history *history
	known   map[string]bool // names of the logs whose newest rotated file stays plain
	policy  Policy

	kept []kept.File // instead of all that: files that only keepDir has

	missed map[string]unread // what readers have not finished, by name
	looked time.Time         // when that was so
}

func newCompressor() *compressor { return &compressor{queue: newMailbox[compression]()} }

// compress puts a history in the compressor's queue.
func (r *registry) compress(h *history) {
	r.compressor.queue.post(compression{history: h, known: h.known(), policy: *h.policy.Load()})
}

// run works off the queue until ctx is done.
func (c *compressor) run(ctx context.Context, m *Manager) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.queue.ready:
		}
		for _, job := range c.queue.take() {
			if job.kept != nil {
				m.protect("compress files in keepDir", func() { c.compressKept(ctx, m, job.kept) })
				continue
			}
			m.protect("compress "+job.history.path, func() { c.do(ctx, m, job) })
		}
	}
}

// do compresses what is old enough of one history, and tells the registry.
func (c *compressor) do(ctx context.Context, m *Manager, job compression) {
	h := job.history
	var next time.Duration
	failed := true // if it panics
	defer func() {
		h.touched.Store(true)
		m.mail.post(func(r *registry) {
			r.done(&h.compression, next, failed)
			if !failed {
				// What was to be removed while it was compressed is still there, under
				// another name.
				r.want(&h.removal, 0)
			}
		})
	}()
	if ctx.Err() != nil {
		failed = false
		return
	}
	defer m.work.begin("compress files in "+h.path, stuckCompress)()
	err := m.inDir(h.dir, func(dir *logfile.Dir) (err error) {
		next, err = c.tidy(ctx, m, dir, &job)
		return err
	})
	if ctx.Err() != nil {
		failed = false
		return // the error says no more than that
	}
	if err != nil {
		m.metrics.failed(stepCompress)
		h.complain("cannot compress old files of the container's log; they stay as they are", err)
	}
	failed = err != nil
}

// tidy heals each log in the history's directory and compresses its old files, but not
// of attempts of which nobody has told yet. It returns the time until there is more to compress; 0: nothing is left.
func (c *compressor) tidy(ctx context.Context, m *Manager, dir *logfile.Dir, job *compression) (next time.Duration, err error) {
	logs, err := job.history.scan(dir)
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, log := range logs[:toldOf(logs, job.known)] {
		// Nobody else compresses this log, so what is unfinished was left by a
		// crash.
		repairs, err := dir.Heal(ctx, log.Name)
		for _, r := range repairs {
			job.history.log().WithField("file", r.Name).Info(r.What)
		}
		errs = append(errs, err)
		wait, err := c.compressLog(ctx, m, dir, log.Name, job)
		errs = append(errs, err)
		if wait > 0 && (next == 0 || wait < next) {
			next = wait
		}
	}
	return next, errors.Join(errs...)
}

// compressLog compresses the files of one log that are old enough, but not the newest
// of a log that is in use: whoever reads it is not far behind. The first error ends it: a
// full disk is full for the next file too.
func (c *compressor) compressLog(ctx context.Context, m *Manager, dir *logfile.Dir, name string, job *compression) (next time.Duration, err error) {
	if job.policy.Compression == logfile.Plain {
		return 0, nil
	}
	found, err := dir.Scan(name)
	if err != nil {
		return 0, err
	}
	old := found.Rotated
	if job.known[name] && len(old) > 0 {
		old = old[:len(old)-1]
	}
	after := job.policy.CompressAfter
	for _, f := range old {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if f.Compression != logfile.Plain {
			continue
		}
		// The clock may have been set back since: never wait longer than asked.
		if young := min(after-m.Now().Sub(f.ModTime), after); young > 0 {
			return sooner(next, young), nil // all later ones are younger
		}
		missed, err := job.unread(ctx, m, dir)
		if err != nil {
			return 0, err
		}
		if missed[f.Name].waited {
			return sooner(next, readersRetry), nil // all later ones are unread too
		}
		done, err := c.compressFile(ctx, m, dir, f, job.policy.Compression, &job.history.meter)
		if err != nil {
			return 0, err
		}
		if done && missed[f.Name].open {
			job.history.audience.miss(name, f)
		}
		if !done {
			next = heldRetry
		}
	}
	return next, nil
}

// unread is what readers have not finished of the history, as of the last second:
// compressing one file may take longer.
func (j *compression) unread(ctx context.Context, m *Manager, dir *logfile.Dir) (map[string]unread, error) {
	if !j.policy.waitsForReaders() || !j.looked.IsZero() && time.Since(j.looked) < longestLookPause {
		return j.missed, nil
	}
	logs, err := j.history.scan(dir)
	if err == nil {
		j.looked = time.Now()
		j.missed, err = m.unreadIn(ctx, j.history, logs)
	}
	return j.missed, err
}

// compressFile compresses f, unless somebody still writes to it. The meter may be nil.
func (c *compressor) compressFile(ctx context.Context, m *Manager, dir *logfile.Dir, f logfile.File, as logfile.Compression, meter *meter) (done bool, err error) {
	held, err := m.held(dir, f)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil || held {
		return false, err
	}
	c.stepBack() // only now, since it costs a thread
	made, err := dir.Compress(ctx, f, as)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	m.metrics.compressedIn.Add(float64(f.Size))
	m.metrics.compressedOut.Add(float64(made.Size))
	if meter != nil {
		meter.pack(f.Size, made.Size)
	}
	return true, nil
}

// stepBack gives the compressor's thread the lowest I/O priority. Its goroutine
// stays on it, and the thread ends with the goroutine. Where the kernel refuses,
// work goes on at the usual priority.
func (c *compressor) stepBack() {
	const (
		ioprioWhoProcess = 1
		ioprioClassIdle  = 3 << 13
	)
	if c.aside {
		return
	}
	c.aside = true
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
