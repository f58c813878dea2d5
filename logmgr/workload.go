package logmgr

import (
	"fmt"
	"sort"
	"sync"
	"time"
)

// How long work may take before it is called stuck.
const (
	stuckFile     = 10 * time.Second
	stuckRuntime  = 30 * time.Second
	stuckCompress = 10 * time.Minute
)

// workload knows what is being done to files and by the runtime right now, so
// that a stuck disk can be told although whoever waits for it cannot say so.
type workload struct {
	mu    sync.Mutex
	next  uint64
	steps map[uint64]step
}

type step struct {
	what  string
	since time.Time
	limit time.Duration
}

func newWorkload() *workload { return &workload{steps: map[uint64]step{}} }

// begin notes that something is begun; the returned function notes its end.
func (w *workload) begin(what string, limit time.Duration) (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := w.next
	w.next++
	w.steps[id] = step{what, time.Now(), limit}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.steps, id)
	}
}

// stuck returns how many steps have taken longer than they may.
func (w *workload) stuck(now time.Time) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, s := range w.steps {
		if now.Sub(s.since) > s.limit {
			n++
		}
	}
	return n
}

// trouble describes the stuck steps.
func (w *workload) trouble(now time.Time) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, s := range w.steps {
		if took := now.Sub(s.since); took > s.limit {
			out = append(out, fmt.Sprintf("stuck for %s: %s", took.Round(time.Second), s.what))
		}
	}
	sort.Strings(out)
	return out
}
