package logmgr

import (
	"context"
	"maps"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
)

// sights are the logs that the runtime keeps in files of its own, for an Observer: what an
// elsewhere does but for the links.
type sights struct {
	metrics    elsewhereMetrics
	books      books
	complaints complaints
	fresh      chan struct{} // holds a token when there is something to look at at once
	began      time.Time
	seen       seen

	mu    sync.Mutex          // all below; it is held while files are looked at, which may take long
	files map[string]*ownFile // by container
	said  notices
	told  bool // that there are any
}

func newSights(reg prometheus.Registerer, b books) (*sights, error) {
	metrics, err := newElsewhereMetrics(reg)
	return &sights{
		metrics: metrics, books: b, fresh: make(chan struct{}, 1), began: time.Now(),
		files: map[string]*ownFile{}, said: notices{drivers: map[string]bool{}},
	}, err
}

func (s *sights) has(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[id] != nil
}

// compare takes in what the runtime has listed, and returns the ids of those of which it is
// to be asked again where their output is.
func (s *sights) compare(states map[string]State, now time.Time) (stale []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, f := range s.files {
		state, is := states[id]
		if !is {
			s.books.leave(f.sums)
			delete(s.files, id)
			s.seen.drop(&s.metrics, id)
			continue
		}
		f.running = state == StateRunning
		if f.stale(now) {
			f.asked = now // or when it was asked in vain
			stale = append(stale, id)
		}
	}
	return stale
}

// seeElsewhere takes in a container whose output is not at its log path. That there are
// such is said once.
func (o *Observer) seeElsewhere(c Container, to Redirection) {
	o.refuse(c, nil)
	s := o.sights
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	f := &ownFile{
		of: &c, path: path.Join(c.LogDirectory, c.LogPath), policy: &atomic.Pointer[Policy]{},
		since: now, running: c.State == StateRunning, sums: s.books.enter(&c),
	}
	f.lead(to, now)
	s.files[c.ID] = f
	token(s.fresh)
	if to.Path != "" && !s.told {
		s.told = true
		f.fields(o.Log).WithField("driver", to.Driver).WithField("file", to.Path).
			Info("the runtime keeps this log, and maybe others, in a file of its own: it would not be rotated, and its size is told under elsewhere")
	}
}

// lookUp asks again where the output of a container is. Without an answer it is looked for
// where it was.
func (o *Observer) lookUp(ctx context.Context, id string) {
	redirector, is := o.Runtime.(Redirector)
	if !is {
		return
	}
	to, err := redirection(ctx, redirector, id)
	if err != nil || !to.Elsewhere { // it does not move to its log path
		return
	}
	o.sights.mu.Lock()
	defer o.sights.mu.Unlock()
	if f := o.sights.files[id]; f != nil {
		f.lead(to, time.Now())
		token(o.sights.fresh)
	}
}

// lookElsewhere looks at all files that are the runtime's own. What is to be said of all of
// them waits for the next look.
func (o *Observer) lookElsewhere() {
	s := o.sights
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, f := range s.files {
		o.lookAt(id, f)
	}
	s.said.tell(o.Log, maps.Values(s.files))
}

func (o *Observer) lookAt(id string, f *ownFile) {
	o.mu.Lock()
	policy := o.PolicyOf(*f.of)
	o.mu.Unlock()
	f.policy.Store(&policy)
	s := o.sights
	rotations, err := f.look(o.Now())
	s.metrics.elsewhereRotations.Add(float64(rotations))
	f.sums.add(tally{rotations: rotations})
	if err != nil {
		s.complaints.complain(f.path, func() logrus.FieldLogger { return f.fields(o.Log) }, "cannot look at the runtime's file of this log", err)
	}
	s.seen.put(&s.metrics, id, f.status())
	if !o.toldBefore(f, s.began) {
		s.said.take(o.Log, f)
	}
}
