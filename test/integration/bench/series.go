package main

import (
	"math"
	"slices"
	"time"
)

// series are the slots of all rounds in order, by workload and path.
type series map[string]map[string][]slot

func (s series) add(workload, path string, one slot) {
	if s[workload] == nil {
		s[workload] = map[string][]slot{}
	}
	s[workload][path] = append(s[workload][path], one)
}

// each applies a measure to every round of one workload on one path.
func (s series) each(workload, path string, measure func(slot) float64) []float64 {
	values := make([]float64, 0, len(s[workload][path]))
	for _, one := range s[workload][path] {
		values = append(values, measure(one))
	}
	return values
}

// percentile is a measure: the latency in microseconds that the share q of a slot's calls did not exceed.
func percentile(q float64) func(slot) float64 {
	return func(s slot) float64 {
		return quantile(s.latencies, q).Seconds() * 1e6
	}
}

// callRate is a measure: calls per second.
func callRate(s slot) float64 {
	return float64(len(s.latencies)) / s.elapsed.Seconds()
}

// usage is what a proxy used for a number of calls.
type usage struct {
	cpu   time.Duration
	calls int
}

// total adds up the rounds of one workload on one path.
func (s series) total(workload, path string) usage {
	var u usage
	for _, one := range s[workload][path] {
		u.cpu += one.cpu
		u.calls += len(one.latencies)
	}
	return u
}

// cpuPerThousand is in seconds of CPU per 1,000 calls; NaN without calls.
func (u usage) cpuPerThousand() float64 {
	return u.cpu.Seconds() * 1000 / float64(u.calls)
}

// quantile is the smallest of the sorted values that at least the share q of them
// does not exceed; zero without values.
func quantile[V float64 | int64 | time.Duration](sorted []V, q float64) V {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}

// median is the middle of the values, the mean of the two in the middle when
// their number is even; NaN without values.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// medianRatio is the median over the rounds of a round's a to its b.
func medianRatio(a, b []float64) float64 {
	ratios := make([]float64, min(len(a), len(b)))
	for i := range ratios {
		ratios[i] = a[i] / b[i]
	}
	return median(ratios)
}
