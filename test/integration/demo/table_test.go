package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// TestQuantile: a share of the values is not above it, and no smaller one has that.
func TestQuantile(t *testing.T) {
	hundred := make([]int64, 100)
	for i := range hundred {
		hundred[i] = int64(100 - i)
	}
	for _, test := range []struct {
		values []int64
		share  float64
		want   int64
	}{
		{[]int64{7}, 0.5, 7},
		{[]int64{7}, 0.99, 7},
		{[]int64{3, 1, 2}, 0.5, 2},
		{[]int64{4, 3, 2, 1}, 0.5, 2},
		{hundred, 0.5, 50},
		{hundred, 0.99, 99},
		{hundred[:99], 0.99, 100},
		{append([]int64{1000}, hundred...), 0.99, 100},
	} {
		if got := quantile(test.values, test.share); got != test.want {
			t.Errorf("%v of %v: %d, want %d", test.share, test.values, got, test.want)
		}
	}
}

// TestTableTellsHowLargeFilesAre: one file that is too large does not stand for all.
func TestTableTellsHowLargeFilesAre(t *testing.T) {
	found := testbed.Verification{
		Files: 4, LargestFile: 30 << 20, Rotated: []int64{10 << 20, 30 << 20, 11 << 20},
		Streams: map[string]*testbed.StreamVerification{"stdout": {}, "stderr": {}},
	}
	lines := table(found)
	for _, want := range []string{"rotated files: median 11.0 MiB, 99th percentile 30.0 MiB", "largest of 4 files: 30.0 MiB, 3.00 times the limit of 10.0 MiB"} {
		if !slices.Contains(lines, want) {
			t.Errorf("the table does not say %q:\n%s", want, strings.Join(lines, "\n"))
		}
	}
	found.Rotated = nil // a short run
	if text := strings.Join(table(found), "\n"); strings.Contains(text, "rotated") {
		t.Errorf("the table tells of rotated files where there are none:\n%s", text)
	}
}
