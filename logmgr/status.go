package logmgr

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// Status is what an operator may want to know of the moment.
type Status struct {
	// Logs is how many logs are held to their policy.
	Logs int64 `json:"logs"`
	// Readers are the programs that read logs, the one furthest behind first. They
	// are looked for only when a file is to be compressed or removed.
	Readers []ReaderStatus `json:"readers"`
	Node    NodeStatus     `json:"node"`
	// Elsewhere are the logs that the runtime keeps in files of its own, the largest
	// first.
	Elsewhere []ElsewhereLog `json:"elsewhere,omitempty"`
	// Observed are the logs of an Observer, the one with the most rotations that would
	// have been made first.
	Observed []ObservedLog `json:"observed,omitempty"`
}

// ReaderStatus is about all processes with the same program name.
type ReaderStatus struct {
	Name string `json:"name"`
	// LagBytes is what they have not read of the logs that they have open.
	LagBytes int64 `json:"lagBytes"`
	// Containers is how many containers' logs they have open, and Behind in how many
	// of them they have not finished everything.
	Containers int `json:"containers"`
	Behind     int `json:"containersBehind"`
}

// NodeStatus is about the bounds of all logs together, as of the last second; an Observer
// looks every 15 seconds. A Manager without such bounds does not look.
type NodeStatus struct {
	// LogBytes is what all logs take on disk; nil: it is not counted, since it has no bound.
	LogBytes *int64 `json:"logBytes,omitempty"`
	// FreeBytes and FreeInodes are left on the file system of the logs; nil: nobody looks,
	// it cannot be told, or the number of inodes has no limit.
	FreeBytes  *int64 `json:"freeBytes,omitempty"`
	FreeInodes *int64 `json:"freeInodes,omitempty"`
	// MaxBytes, MinFreeBytes and MinFreeInodes are the bounds; nil: none, or a share of a whole
	// that cannot be told.
	MaxBytes      *int64 `json:"maxBytes,omitempty"`
	MinFreeBytes  *int64 `json:"minFreeBytes,omitempty"`
	MinFreeInodes *int64 `json:"minFreeInodes,omitempty"`
	// Broken says which bounds are broken and by how much; empty: none.
	Broken string `json:"broken,omitempty"`
}

// newNodeStatus is about a file system, of which the zero Space tells nothing, the bounds, and which
// of them are broken.
func newNodeStatus(space logfile.Space, bounds Node, broken shortage) NodeStatus {
	s := NodeStatus{Broken: broken.String()}
	if bounds.MaxBytes > 0 {
		s.MaxBytes = &bounds.MaxBytes
	}
	if bounds.MinFree != (Floor{}) && space.Bytes > 0 {
		least := bounds.MinFree.of(space.Bytes)
		s.MinFreeBytes = &least
	}
	if bounds.MinFreeInodes != (Floor{}) && space.Inodes > 0 {
		least := bounds.MinFreeInodes.of(space.Inodes)
		s.MinFreeInodes = &least
	}
	if space.Bytes > 0 {
		s.FreeBytes = &space.FreeBytes
	}
	if space.Inodes > 0 {
		s.FreeInodes = &space.FreeInodes
	}
	return s
}

// Status returns what is known now.
func (m *Manager) Status() Status {
	return Status{
		Logs: m.metrics.logs.Load(), Readers: m.lags.readers(time.Now()), Node: *m.pressure.seen.Load(),
		Elsewhere: m.elsewhere.seen.all(),
	}
}

const (
	// lagAge is how long the outcome of a look counts.
	lagAge = time.Minute
	// mostReaders bounds the values of the label reader.
	mostReaders  = 20
	otherReaders = "other"
)

// lags is how far readers are behind, by history. It is a prometheus.Collector.
type lags struct {
	mu       sync.Mutex
	of       map[string]lag
	describe *prometheus.Desc
}

type lag struct {
	at    time.Time
	bytes map[string]int64 // by program
}

func newLags() *lags {
	return &lags{of: map[string]lag{}, describe: prometheus.NewDesc("cri_logshim_reader_lag_bytes",
		"Bytes of logs that a program which reads them has not read, as of the last look at each log within a minute.", []string{"reader"}, nil)}
}

// set replaces what is known of a history, by a name that no other one has.
func (l *lags) set(history string, bytes map[string]int64) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire(now)
	delete(l.of, history)
	if len(bytes) > 0 {
		l.of[history] = lag{now, bytes}
	}
}

func (l *lags) expire(now time.Time) {
	for history, lag := range l.of {
		if now.Sub(lag.at) > lagAge {
			delete(l.of, history)
		}
	}
}

// readers sums up, the furthest behind first; those beyond a number as one.
func (l *lags) readers(now time.Time) []ReaderStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire(now)
	sums := map[string]ReaderStatus{}
	for _, lag := range l.of {
		for name, bytes := range lag.bytes {
			s := sums[name]
			s.add(ReaderStatus{LagBytes: bytes, Containers: 1})
			if bytes > 0 {
				s.Behind++
			}
			sums[name] = s
		}
	}
	out := []ReaderStatus{}
	for name, s := range sums {
		s.Name = name
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b ReaderStatus) int {
		return cmp.Or(cmp.Compare(b.LagBytes, a.LagBytes), strings.Compare(a.Name, b.Name))
	})
	return summedUp(out)
}

// summedUp makes one of those beyond the number that is told, and of a program that
// bears the name of that.
func summedUp(all []ReaderStatus) []ReaderStatus {
	if len(all) <= mostReaders {
		return all
	}
	other := ReaderStatus{Name: otherReaders}
	var out []ReaderStatus
	for _, s := range all {
		if len(out) < mostReaders-1 && s.Name != otherReaders {
			out = append(out, s)
			continue
		}
		other.add(s)
	}
	return append(out, other)
}

func (s *ReaderStatus) add(t ReaderStatus) {
	s.LagBytes += t.LagBytes
	s.Containers += t.Containers
	s.Behind += t.Behind
}

// Describe is part of prometheus.Collector.
func (l *lags) Describe(out chan<- *prometheus.Desc) { out <- l.describe }

// Collect is part of prometheus.Collector.
func (l *lags) Collect(out chan<- prometheus.Metric) {
	for _, s := range l.readers(time.Now()) {
		out <- prometheus.MustNewConstMetric(l.describe, prometheus.GaugeValue, float64(s.LagBytes), s.Name)
	}
}
