package main

import (
	"math"
	"testing"
	"time"
)

func TestQuantileIsTheSmallestValueThatCoversItsShare(t *testing.T) {
	sorted := make([]int64, 100)
	for i := range sorted {
		sorted[i] = int64(i + 1)
	}
	for q, want := range map[float64]int64{0: 1, 0.01: 1, 0.5: 50, 0.99: 99, 0.991: 100, 1: 100} {
		if got := quantile(sorted, q); got != want {
			t.Errorf("quantile %v of 1 to 100 is %d, want %d", q, got, want)
		}
	}
	if got := quantile([]time.Duration(nil), 0.5); got != 0 {
		t.Errorf("quantile of nothing is %v, want 0", got)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{7}, 7}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 2, 100}, 3}} {
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.values, got, c.want)
		}
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing is %v, want NaN", got)
	}
}

// A machine that is slow for one round slows all paths of it: the ratio must not move.
func TestMedianRatioComparesWithinARound(t *testing.T) {
	direct, shim := []float64{10, 1000, 20}, []float64{20, 2000, 40}
	if got := medianRatio(shim, direct); got != 2 {
		t.Errorf("ratio is %v, want 2", got)
	}
}

func TestCPUCountsEveryRound(t *testing.T) {
	all := series{}
	for _, cpu := range []time.Duration{0, 0, 30 * time.Millisecond} { // garbage was collected in the last one
		all.add(small, shimmed, slot{latencies: make([]time.Duration, 100), cpu: cpu})
	}
	if got := all.total(small, shimmed).cpuPerThousand(); math.Abs(got-0.1) > 1e-9 {
		t.Errorf("CPU per 1,000 calls is %v s, want 0.1 s", got)
	}
}
