package policy

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

const (
	// reportWindow is the time in which the lines are counted. A start or a reload, in
	// which every pod is resolved at once, falls into one.
	reportWindow = 10 * time.Second
	// mostLines and mostLinesOfPod bound the lines of one window.
	mostLines      = 50
	mostLinesOfPod = 5
)

// Reporter tells of problems, each once per pod and text, and counts them. What would be
// too many lines at once is told as a number.
type Reporter struct {
	log     logrus.FieldLogger
	invalid prometheus.Counter
	opened  chan struct{} // holds one when a window was opened

	mu     sync.Mutex
	told   memory
	window *window // nil: nothing was told lately
}

// window is what was told of late.
type window struct {
	lines  int            // that were written
	ofPod  map[string]int // new problems by the pod's uid
	unsaid int            // problems of which no line was written
	silent map[string]struct{}
}

// NewReporter returns a Reporter whose counter is registered.
func NewReporter(log logrus.FieldLogger, reg prometheus.Registerer) (*Reporter, error) {
	r := &Reporter{log: log, opened: make(chan struct{}, 1), told: newMemory(), invalid: prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "cri_logshim", Name: "invalid_annotations_total",
		Help: "Annotations of pods that were ignored as invalid or held to a bound, each counted once per pod.",
	})}
	if err := reg.Register(r.invalid); err != nil {
		return nil, errors.Join(errors.New("register the counter of invalid annotations"), err)
	}
	return r, nil
}

// Report tells of the problems of one container's pod that are new.
func (r *Reporter) Report(c logmgr.Container, problems []Problem) {
	for _, p := range problems {
		if !r.admit(c.PodUID, p) {
			continue
		}
		r.log.WithFields(logrus.Fields{
			"namespace": c.Namespace, "pod": c.Pod, "container": c.Name, "annotation": p.Annotation, "value": p.Value,
		}).Warn(p.heading() + ": " + p.Message)
	}
}

// admit counts a problem if it is new, and tells whether a line is to be written of it.
func (r *Reporter) admit(podUID string, p Problem) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.told.isNew(podUID, p) {
		return false
	}
	r.invalid.Inc()
	if r.window == nil {
		r.window = &window{ofPod: map[string]int{}, silent: map[string]struct{}{}}
		select {
		case r.opened <- struct{}{}:
		default:
		}
	}
	return r.window.admit(podUID)
}

func (w *window) admit(podUID string) bool {
	w.ofPod[podUID]++
	if w.lines >= mostLines || w.ofPod[podUID] > mostLinesOfPod {
		w.unsaid++
		w.silent[podUID] = struct{}{}
		return false
	}
	w.lines++
	return true
}

// Run says from time to time of how many problems no line was written, until ctx is done.
func (r *Reporter) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.opened:
		}
		select {
		case <-ctx.Done():
		case <-time.After(reportWindow):
		}
		r.conclude()
	}
}

// conclude ends the window.
func (r *Reporter) conclude() {
	r.mu.Lock()
	w := r.window
	r.window = nil
	r.mu.Unlock()
	if w != nil && w.unsaid > 0 {
		r.log.WithFields(logrus.Fields{"annotations": w.unsaid, "pods": len(w.silent)}).
			Warn("more annotations are ignored or held to a bound; cri-logshim explain shows those of a pod")
	}
}
