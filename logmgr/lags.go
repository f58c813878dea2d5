package logmgr

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

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
