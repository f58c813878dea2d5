package main

import (
	"fmt"
	"io"
	"time"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// outcome is what came of one trial: a line of the kubelet part's table.
type outcome struct {
	Writer        string  `json:"writer"`
	Rotator       string  `json:"rotator"`
	Seconds       float64 `json:"seconds"`       // that the container ran
	Rate          float64 `json:"rate"`          // MB/s written
	Largest       float64 `json:"largest"`       // MiB of the largest file
	Disk          float64 `json:"disk"`          // MiB of all files on disk at the highest
	Shim          float64 `json:"shim"`          // CPU seconds of the shim
	Kubelet       float64 `json:"kubelet"`       // CPU seconds of kubelet
	KubeletAtRest float64 `json:"kubeletAtRest"` // CPU seconds of kubelet in as long a time without any pod
	Written       uint64  `json:"written"`       // lines
	Removed       uint64  `json:"removed"`       // lines that went with the oldest files, as they should
	Lost          uint64  `json:"lost"`          // lines missing between those that are left
	Again         uint64  `json:"again"`         // lines found twice
	Moved         uint64  `json:"moved"`         // lines found out of order
}

// newOutcome says nothing of CPU time and names.
func newOutcome(lines testbed.Verification, seen dirSeen, lasted time.Duration) outcome {
	o := outcome{
		Seconds: lasted.Seconds(),
		Largest: float64(max(lines.LargestFile, seen.current)) / (1 << 20),
		Disk:    float64(seen.disk) / (1 << 20),
	}
	for _, s := range lines.Streams {
		o.Written += s.Written
		removed := s.Head()
		o.Removed += removed
		o.Lost += s.Lost - removed
		o.Again += s.Duplicated
		o.Moved += s.OutOfOrder
	}
	o.Rate = float64(o.Written) * bytesPerLine(lines) / 1e6 / lasted.Seconds()
	return o
}

// bytesPerLine is the mean size of the lines that are left.
func bytesPerLine(lines testbed.Verification) float64 {
	var found uint64
	for _, s := range lines.Streams {
		found += s.Found
	}
	return float64(lines.Bytes) / float64(max(found, 1))
}

// writeTrials prints the kubelet part's table.
func writeTrials(w io.Writer, all []outcome) {
	if len(all) == 0 {
		return
	}
	const columns = "  %-28s %7s %9s %9s %8s %10s %10s %10s %10s %8s %8s %8s\n"
	fmt.Fprintf(w, "\nrotation at 10 MiB and 5 files, kubelet %s, containerd %s, one container that floods\n", testbed.KubeletVersion, testbed.Newest)
	fmt.Fprintf(w, columns, "", "MB/s", "largest", "on disk", "CPU shim", "CPU kubelet", "at rest", "lines", "removed", "lost", "twice", "moved")
	fmt.Fprintf(w, columns, "", "", "MiB", "MiB", "s", "s", "s", "", "", "", "", "")
	writer := ""
	for _, o := range all {
		if o.Writer != writer {
			writer = o.Writer
			fmt.Fprintf(w, "writer: %s\n", writer)
		}
		fmt.Fprintf(w, columns, o.Rotator, number(o.Rate), number(o.Largest), number(o.Disk),
			number(o.Shim), number(o.Kubelet), number(o.KubeletAtRest), number(float64(o.Written)), number(float64(o.Removed)),
			number(float64(o.Lost)), number(float64(o.Again)), number(float64(o.Moved)))
	}
	fmt.Fprintf(w, "CPU at rest: kubelet's without a pod, measured for %v and scaled to the flood's time.\n", restTime)
}
