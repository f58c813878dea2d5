package policy

import (
	"errors"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// maxReported is how many problems are remembered, so that a node where pods
// come and go for years does not remember them all.
const maxReported = 4096

// Reporter tells of problems, each once per pod and text, and counts them.
type Reporter struct {
	log     logrus.FieldLogger
	invalid prometheus.Counter

	mu       sync.Mutex
	reported map[report]bool
}

type report struct {
	podUID  string
	problem Problem
}

// NewReporter returns a Reporter whose counter is registered.
func NewReporter(log logrus.FieldLogger, reg prometheus.Registerer) (*Reporter, error) {
	r := &Reporter{log: log, reported: map[report]bool{}, invalid: prometheus.NewCounter(prometheus.CounterOpts{
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
		if !r.isNew(report{c.PodUID, p}) {
			continue
		}
		r.invalid.Inc()
		r.log.WithFields(logrus.Fields{
			"namespace": c.Namespace, "pod": c.Pod, "container": c.Name, "annotation": p.Annotation, "value": p.Value,
		}).Warn(p.heading() + ": " + p.Message)
	}
}

func (r *Reporter) isNew(key report) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reported[key] {
		return false
	}
	if len(r.reported) >= maxReported {
		clear(r.reported)
	}
	r.reported[key] = true
	return true
}
