package logmgr

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/event"
	"github.com/cri-logshim/cri-logshim/logmgr/kept"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

const (
	// sweepPause is how often keepDir is looked through at most.
	sweepPause = time.Minute
	// keepRetry is how soon a keepDir that does not do is tried again.
	keepRetry = time.Minute
)

// keeper lets logs outlive their pod, by second names in keepDir. That is opened when it
// is there at the start, or else when the first log is to be kept. While it does not do,
// logs are managed as if nobody wanted them kept, and Trouble says so.
type keeper struct {
	dir    string        // keepDir; empty: nothing is kept
	wanted chan struct{} // holds a token when a log is to be kept and cannot be
	poked  chan struct{} // holds a token when something has happened that a sweep is to see
	pruned chan struct{} // holds a token when an order has removed files: who gave it looks next at what is left

	packing packing
	alone   atomic.Pointer[map[string]int64] // bytes that only keepDir had at the last sweep, by directory; never nil

	mu     sync.Mutex
	store  *kept.Store // nil: it has not been opened
	usable bool        // second names can be made
	fault  error       // why not, once that was tried
}

func newKeeper(dir string) *keeper {
	k := &keeper{dir: dir, wanted: make(chan struct{}, 1), poked: make(chan struct{}, 1), pruned: make(chan struct{}, 1)}
	k.alone.Store(&map[string]int64{})
	return k
}

func (p Policy) keeps() bool { return p.KeepAfterRemoval > 0 }

// term is what a policy says of files that outlive their pod.
func (p Policy) term() kept.Term {
	t := kept.Term{Keep: p.KeepAfterRemoval, Compression: p.Compression}
	if p.Compression != logfile.Plain {
		t.CompressAfter = p.CompressAfter
	}
	return t
}

// trouble returns why logs that are to be kept are not.
func (k *keeper) trouble() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fault == nil {
		return nil
	}
	return []string{"logs of removed pods are not kept: " + k.fault.Error()}
}

// opened returns the store if there is one. Second names in it are ours, also while no
// new ones can be made.
func (k *keeper) opened() *kept.Store {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.store
}

// trusted returns the store if what lies in it, apart from second names of files that are
// known, can be relied upon.
func (k *keeper) trusted() *kept.Store {
	k.mu.Lock()
	defer k.mu.Unlock()
	if errors.Is(k.fault, kept.ErrNotRoots) {
		return nil
	}
	return k.store
}

// ready returns the store if second names can be made in it, and else asks for that.
func (k *keeper) ready() *kept.Store {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.usable {
		return k.store
	}
	token(k.wanted)
	return nil
}

// poke asks for a sweep before long.
func (k *keeper) poke() { token(k.poked) }

func token(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// begin opens a keepDir that is there: the second names in it must be known before any
// log is looked at.
func (k *keeper) begin(m *Manager) {
	if k.dir == "" {
		return
	}
	if _, err := os.Stat(k.dir); !errors.Is(err, fs.ErrNotExist) {
		k.try(m)
		k.poke()
	}
}

// try makes keepDir usable and reports whether it is.
func (k *keeper) try(m *Manager) bool {
	defer m.work.begin("try keepDir", stuckFile)()
	store := k.opened()
	var err error
	if store == nil {
		began := time.Now()
		store, err = kept.Open(m.root, k.dir, m.Now, func() time.Duration { return time.Since(began) })
	}
	if err == nil {
		err = store.Try()
	}
	k.note(m, store, err)
	return err == nil
}

// note takes in whether second names can be made, and tells if they cannot.
func (k *keeper) note(m *Manager, store *kept.Store, err error) {
	k.mu.Lock()
	k.store, k.usable, k.fault = store, err == nil, err
	k.mu.Unlock()
	if err != nil {
		m.metrics.failed(stepKeep)
		event.KeepingFailed.On(m.Log).WithError(err).Error("logs of removed pods are not kept; trying again in a minute")
	}
}

// run opens keepDir when a log is to be kept, and sweeps it.
func (k *keeper) run(ctx context.Context, m *Manager) error {
	retry, sweep := idleTimer(), idleTimer()
	defer retry.Stop()
	defer sweep.Stop()
	var next, last time.Time // sweeps; zero: not planned, not done
	plan := func(at time.Time) {
		if earliest := last.Add(sweepPause); !last.IsZero() && at.Before(earliest) {
			at = earliest
		}
		if next.IsZero() || at.Before(next) {
			next = at
			sweep.Reset(max(time.Until(at), time.Millisecond))
		}
	}
	if k.trouble() != nil {
		retry.Reset(keepRetry)
	}
	for {
		wanted := k.wanted
		if k.trouble() != nil {
			wanted = nil // its time comes with retry
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wanted:
			k.enable(m, retry)
		case <-retry.C:
			k.enable(m, retry)
		case <-k.poked:
			plan(time.Now().Add(sweepPause))
		case <-k.pruned:
			last = time.Time{}
			plan(time.Now())
		case <-sweep.C:
			next, last = time.Time{}, time.Now()
			fine := k.trouble() == nil
			m.protect("sweep keepDir", func() {
				if wait := k.sweep(m); wait > 0 {
					plan(last.Add(wait))
				}
			})
			if fine && k.trouble() != nil { // the sweep has found it
				retry.Reset(keepRetry)
			}
		}
	}
}

// idleTimer is a timer that does not run yet.
func idleTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// enable tries keepDir, and lets every log be looked at again if it does.
func (k *keeper) enable(m *Manager, retry *time.Timer) {
	if !k.try(m) {
		retry.Reset(keepRetry)
		return
	}
	k.poke() // what was not looked through meanwhile
	m.mail.post(func(r *registry) {
		r.renew()
		for _, l := range r.logs {
			r.wake(l)
		}
		for _, h := range r.histories {
			r.review(h)
		}
	})
}

// sweep removes what has expired and has the rest compressed. It returns the time until
// the next look; 0: none is needed.
func (k *keeper) sweep(m *Manager) (next time.Duration) {
	defer m.work.begin("sweep keepDir", stuckFile)()
	store := k.trusted()
	if store == nil {
		return 0
	}
	swept, err := store.Sweep()
	if errors.Is(err, kept.ErrNotRoots) {
		k.note(m, store, err)
		return 0
	}
	m.expired(swept.Expired)
	var bytes int64
	alone := map[string]int64{}
	for _, f := range swept.Only {
		bytes += f.Disk
		alone[f.Dir] += f.Disk
	}
	m.metrics.keptFiles.Set(float64(len(swept.Only)))
	m.metrics.keptBytes.Set(float64(bytes))
	k.alone.Store(&alone)
	files, retry := k.packing.begin(swept.Plain, time.Now())
	if len(files) > 0 {
		m.compressor.queue.post(compression{kept: files})
	}
	if err != nil {
		m.metrics.failed(stepKeep)
		m.Log.WithError(err).Warn("cannot look through all of keepDir; trying again in a minute")
		return sweepPause
	}
	if swept.Next.IsZero() {
		return retry
	}
	return sooner(max(swept.Next.Sub(m.Now()), sweepPause), retry)
}

// expired counts and tells what has gone from keepDir since its time was over.
func (m *Manager) expired(files []kept.File) {
	if len(files) == 0 {
		return
	}
	var bytes int64
	for _, f := range files {
		bytes += f.Disk
		m.metrics.removed.WithLabelValues(expiredReason).Inc()
		m.Log.WithFields(logrus.Fields{"dir": f.Dir, "file": f.Name, "size": f.Size, "setting": expiredReason}).Debug("removed a log file of a pod or attempt that is gone")
	}
	event.FilesRemoved.On(m.Log).WithFields(logrus.Fields{"files": len(files), "bytes": bytes, "setting": expiredReason}).Info("removed log files of pods and attempts that are gone, since keepAfterRemoval is over")
}

// hold gives a log's current file its second name.
func (k *keeper) hold(l *containerLog, id logfile.ID, p Policy) error {
	if k.dir == "" || !p.keeps() {
		return nil
	}
	store := k.ready()
	if store == nil {
		return nil // when there is one, it is held
	}
	return store.Hold(l.dir, l.history.dir, l.name, id, p.term(), l.history.scan)
}

// mirror makes the second names of a history what the policy wants, and returns the
// files that are found only in keepDir: they count as the container's too.
func (k *keeper) mirror(h *history, dir *logfile.Dir, p Policy) ([]logfile.Log, error) {
	if k.dir == "" {
		return nil, nil
	}
	if !p.keeps() {
		if store := k.opened(); store != nil {
			return store.Drop(dir, h.dir, h.scan)
		}
		return nil, nil
	}
	if store := k.ready(); store != nil {
		return store.Mirror(dir, h.dir, p.term(), h.scan)
	}
	return nil, nil
}

// only returns what mirror would, and changes nothing.
func (k *keeper) only(h *history, dir *logfile.Dir) ([]logfile.Log, error) {
	if store := k.opened(); store != nil {
		return store.Only(dir, h.dir, h.scan)
	}
	return nil, nil
}

// forget drops what is remembered of a history.
func (k *keeper) forget(h *history) {
	if store := k.opened(); store != nil {
		store.Forget(h.dir)
		k.poke()
	}
}

func (k *keeper) close() error {
	if store := k.opened(); store != nil {
		return store.Close()
	}
	return nil
}
