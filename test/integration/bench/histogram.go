package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// histogram is what a Prometheus histogram without further labels has counted.
type histogram []bucket

// bucket counts the observations that did not exceed atMost.
type bucket struct{ atMost, count float64 }

// parseHistogram finds a histogram in the text that a metrics endpoint answers.
func parseHistogram(text, name string) (histogram, error) {
	var h histogram
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, name+`_bucket{le="`)
		if !ok {
			continue
		}
		bound, count, ok := strings.Cut(strings.TrimSpace(rest), `"} `)
		if !ok {
			return nil, fmt.Errorf("metric %s: a bucket with other labels: %q", name, line)
		}
		var b bucket
		var err error
		if b.atMost, err = strconv.ParseFloat(bound, 64); err != nil {
			return nil, fmt.Errorf("metric %s: %w", name, err)
		}
		if b.count, err = strconv.ParseFloat(count, 64); err != nil {
			return nil, fmt.Errorf("metric %s: %w", name, err)
		}
		h = append(h, b)
	}
	if len(h) == 0 {
		return nil, fmt.Errorf("metric %s: not there", name)
	}
	slices.SortFunc(h, func(a, b bucket) int { return cmp.Compare(a.atMost, b.atMost) })
	return h, nil
}

// quantile estimates the value that the share q of the observations did not
// exceed: evenly spread within a bucket, as Prometheus takes it. What lies above
// the last finite bound is said to be that bound; without observations it is 0.
func (h histogram) quantile(q float64) float64 {
	rank := q * h[len(h)-1].count
	var below bucket
	for _, b := range h {
		if b.count >= rank && b.count > below.count {
			if math.IsInf(b.atMost, 1) {
				return below.atMost
			}
			return below.atMost + (b.atMost-below.atMost)*(rank-below.count)/(b.count-below.count)
		}
		below = b
	}
	return 0
}
