package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// table is the outcome, line by line.
func table(found testbed.Verification) []string {
	lines := []string{"", row("", "stdout", "stderr")}
	stdout, stderr := found.Streams["stdout"], found.Streams["stderr"]
	if stdout == nil || stderr == nil {
		return []string{"", "No line of a stream was found."}
	}
	for _, count := range []struct {
		name           string
		stdout, stderr uint64
	}{
		{"lines written", stdout.Written, stderr.Written},
		{"lines found", stdout.Found, stderr.Found},
		{"lost", stdout.Lost, stderr.Lost},
		{"duplicated", stdout.Duplicated, stderr.Duplicated},
		{"out of order", stdout.OutOfOrder, stderr.OutOfOrder},
	} {
		lines = append(lines, row(count.name, thousands(count.stdout), thousands(count.stderr)))
	}
	lines = append(lines, "")
	if len(found.Rotated) > 0 {
		lines = append(lines, fmt.Sprintf("rotated files: median %s, 99th percentile %s",
			mebibytes(quantile(found.Rotated, 0.5)), mebibytes(quantile(found.Rotated, 0.99))))
	}
	return append(lines,
		fmt.Sprintf("largest of %d files: %s, %.2f times the limit of %s",
			found.Files, mebibytes(found.LargestFile), float64(found.LargestFile)/limit, mebibytes(limit)))
}

// quantile is the smallest of the values, of which there is one at least, that is not
// below a share of them.
func quantile(values []int64, share float64) int64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(int(math.Ceil(share*float64(len(sorted)))), 1)-1]
}

func row(name, stdout, stderr string) string {
	return fmt.Sprintf("%-16s%14s%14s", name, stdout, stderr)
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// thousands writes a number with its digits in groups of three.
func thousands(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
