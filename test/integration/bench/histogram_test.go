package main

import (
	"math"
	"testing"
)

const metricsText = `# TYPE reopen_seconds histogram
reopen_seconds_bucket{le="0.001"} 0
reopen_seconds_bucket{le="0.002"} 50
reopen_seconds_bucket{le="0.004"} 100
reopen_seconds_bucket{le="+Inf"} 101
reopen_seconds_sum 0.3
reopen_seconds_count 101
reopen_seconds_other_bucket{le="5"} 7
`

func TestHistogramQuantiles(t *testing.T) {
	h, err := parseHistogram(metricsText, "reopen_seconds")
	if err != nil {
		t.Fatal(err)
	}
	for q, want := range map[float64]float64{25.0 / 101: 0.0015, 50.0 / 101: 0.002, 75.0 / 101: 0.003, 1: 0.004} {
		if got := h.quantile(q); math.Abs(got-want) > 1e-9 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
}

func TestHistogramWithoutObservations(t *testing.T) {
	h, err := parseHistogram("a_bucket{le=\"1\"} 0\na_bucket{le=\"+Inf\"} 0\n", "a")
	if err != nil {
		t.Fatal(err)
	}
	if got := h.quantile(0.99); got != 0 {
		t.Errorf("quantile is %v, want 0", got)
	}
}

func TestHistogramRefusesWhatItCannotRead(t *testing.T) {
	for name, text := range map[string]string{
		"no such metric":  "b_sum 1\n",
		"another label":   "a_bucket{le=\"1\",method=\"x\"} 1\n",
		"a broken number": "a_bucket{le=\"1\"} many\n",
		"a broken bound":  "a_bucket{le=\"wide\"} 1\n",
	} {
		if h, err := parseHistogram(text, "a"); err == nil {
			t.Errorf("%s: parsed as %v, want an error", name, h)
		}
	}
}
