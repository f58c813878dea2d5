package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

const (
	rotationLimit = 10 << 20 // bytes, kubelet's default too
	// keepAll is more files than a flood can make: not one may go before it was counted.
	keepAll = 100_000
	// floodLines bounds what the flood writes to each stream, and so the disk
	// that it takes: some 160 bytes a line.
	floodLines = 50_000_000
	// crowd is how many containers flood at once in the crowd part.
	crowd = 20
	// startTime is what each of them takes to start while the others write.
	startTime = 800 * time.Millisecond
	// floodMargin is what a container is given to come up and to end.
	floodMargin = time.Minute
	// settleTime is what the last lines of a flood are given to arrive in the log.
	settleTime = 20 * time.Second
)

// flood is one run of containers that write to both of their streams as fast as they
// are taken.
type flood struct {
	name    string
	writers int
	lasts   time.Duration // that all of them write
	bounds  bounds
}

// bounds are the goals of a flood, as shares of the limit; 0: none.
type bounds struct{ medianFrom, medianTo, p99, highest float64 }

func (b bounds) median(share float64) []goal {
	goals := []goal{atLeast(fmt.Sprintf("at least %v", b.medianFrom), share, b.medianFrom)}
	if b.medianTo > 0 {
		goals = append(goals, atMost(fmt.Sprintf("at most %v", b.medianTo), share, b.medianTo, "1"))
	}
	return goals
}

func (b bounds) largest(share float64) []goal {
	if b.highest == 0 {
		return nil
	}
	return []goal{atMost(fmt.Sprintf("at most %v", b.highest), share, b.highest, "1")}
}

// floods are those that were asked for.
func (s settings) floods() []flood {
	all := []flood{
		{name: "flood", writers: 1, lasts: s.rotation, bounds: bounds{0.95, 1.02, 1.05, 1.15}},
		{name: fmt.Sprintf("%d floods at once", crowd), writers: crowd, lasts: s.crowd, bounds: bounds{medianFrom: 0.90, p99: 1.15}},
	}
	return slices.DeleteFunc(all, func(f flood) bool { return f.lasts == 0 })
}

// run floods logs on a real containerd through the shim, and looks at what became of
// them. Nothing of it is left on the machine afterwards.
func (f flood) run(ctx context.Context, s settings, programs testbed.Programs, r *report, progress io.Writer) (err error) {
	install, err := testbed.Installed(testbed.Newest)
	if err != nil {
		return err
	}
	fmt.Fprintf(progress, "starting containerd %s\n", install.Version)
	containerd, err := testbed.New(ctx, install, programs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, containerd.Close()) }()
	programs.ShimNice = s.nice
	shim, err := testbed.NewShim(ctx, containerd, programs, func(c *config.Configuration) {
		c.Rotation.MaxSize = config.Size(rotationLimit)
		c.Rotation.MaxFiles, c.Rotation.MaxFilesUnread = keepAll, keepAll
		c.Rotation.Compression = config.CompressionNone
		c.Node = config.Node{} // a nearly full disk deletes no line that is to be counted
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shim.Close()) }()

	fmt.Fprintf(progress, "flooding %d logs for %v\n", f.writers, f.lasts)
	client, err := shim.Dial()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	flooded, err := f.write(ctx, containerd, client)
	if err != nil {
		return fmt.Errorf("%w\nthe shim's log ends:\n%s", err, shim.Log())
	}
	metrics, err := shim.Get(ctx, "/metrics")
	if err != nil {
		return err
	}
	reopen, err := parseHistogram(metrics, "cri_logshim_reopen_seconds")
	if err != nil {
		return err
	}
	r.Settings = append(r.Settings,
		setting{f.name + ": rotation limit", rotationLimit, "B"},
		setting{f.name + ": niceness of the shim", float64(s.nice), "1"})
	r.Figures = append(r.Figures, flooded.figures(f, reopen)...)
	return shim.Stop(ctx)
}

// floodResult is what was found after a flood.
type floodResult struct {
	rotated []int64                // sizes in bytes of all rotated files, sorted
	logs    []testbed.Verification // of each writer
	lasted  time.Duration          // from the first writer's start to the last one's end, by the runtime's clock
}

// write runs the containers, which end at about the same time, and reads their logs
// back.
func (f flood) write(ctx context.Context, containerd *testbed.Containerd, client *testbed.Client) (result floodResult, err error) {
	end := time.Now().Add(f.lasts + time.Duration(f.writers-1)*startTime)
	var containers []*testbed.Container
	for i := range f.writers {
		pod, err := client.RunPod(ctx, containerd.PodConfig("bench", fmt.Sprint("flood-", i)))
		if err != nil {
			return floodResult{}, err
		}
		container, err := pod.Run(ctx, testbed.ContainerConfig("writer", 0, "/bin/seqwriter",
			"-stream=both", "-duration="+max(time.Until(end), time.Second).String(), fmt.Sprintf("-count=%d", floodLines)))
		if err != nil {
			return floodResult{}, err
		}
		containers = append(containers, container)
	}
	ending, cancel := context.WithDeadline(ctx, end.Add(floodMargin))
	defer cancel()
	var began, ended int64
	for _, container := range containers {
		status, err := container.WaitState(ending, runtimeapi.ContainerState_CONTAINER_EXITED)
		if err != nil {
			return floodResult{}, err
		}
		if status.GetExitCode() != 0 {
			return floodResult{}, fmt.Errorf("a flooding container ended with exit code %d", status.GetExitCode())
		}
		if at := status.GetStartedAt(); began == 0 || at < began {
			began = at
		}
		ended = max(ended, status.GetFinishedAt())
	}
	result.lasted = time.Duration(ended - began)
	for _, container := range containers {
		lines, err := verify(ctx, container.LogPath())
		if err != nil {
			return floodResult{}, err
		}
		sizes, err := rotatedSizes(container.LogPath())
		if err != nil {
			return floodResult{}, err
		}
		result.logs = append(result.logs, lines)
		result.rotated = append(result.rotated, sizes...)
	}
	slices.Sort(result.rotated)
	return result, nil
}

// verify reads the log until it is complete, or has had its time to become so.
// An incomplete log is a result and no error.
func verify(ctx context.Context, log string) (testbed.Verification, error) {
	settling, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	var v testbed.Verification
	var unreadable error
	incomplete := testbed.Until(settling, func(context.Context) error {
		if v, unreadable = testbed.Verify(log); unreadable != nil {
			return unreadable
		}
		return v.Complete("stdout", "stderr")
	})
	if incomplete != nil && unreadable != nil {
		return v, unreadable
	}
	return v, ctx.Err()
}

// rotatedSizes are the sizes of a log's files but for the current one, sorted.
func rotatedSizes(log string) ([]int64, error) {
	dir, current := filepath.Split(log)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var sizes []int64
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), current+".") {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		sizes = append(sizes, info.Size())
	}
	slices.Sort(sizes)
	return sizes, nil
}

// figures are what the table says of a flood.
func (r floodResult) figures(f flood, reopen histogram) []figure {
	row := "rotation at 10 MiB, containerd " + testbed.Newest + ", " + f.name
	line := func(name, unit string, value float64, goals ...goal) figure {
		return figure{Row: row, Name: name, Unit: unit, Values: map[string]float64{shimmed: value}, Goals: goals}
	}
	var written, size, lost, again, moved float64
	for _, log := range r.logs {
		size += float64(log.Bytes)
		for _, s := range log.Streams {
			written += float64(s.Written)
			lost += float64(s.Lost)
			again += float64(s.Duplicated)
			moved += float64(s.OutOfOrder)
		}
	}
	none := func(n float64) goal { return atMost("none", n, 0, "1") }
	p50, p99, highest := shareOfLimit(r.rotated, 0.50), shareOfLimit(r.rotated, 0.99), shareOfLimit(r.rotated, 1)
	rotations := float64(len(r.rotated))
	return []figure{
		line("rotations", "1", rotations, atLeast("at least 500", rotations, 500)),
		line("write rate", "MB/s", size/1e6/r.lasted.Seconds()),
		line("rotated file to limit, p50", "1", p50, f.bounds.median(p50)...),
		line("rotated file to limit, p99", "1", p99, atMost(fmt.Sprintf("at most %v", f.bounds.p99), p99, f.bounds.p99, "1")),
		line("largest file to limit", "1", highest, f.bounds.largest(highest)...),
		line("reopen latency p50", "ms", reopen.quantile(0.50)*1e3),
		line("reopen latency p99", "ms", reopen.quantile(0.99)*1e3),
		line("lines written", "1", written),
		line("lines lost", "1", lost, none(lost)),
		line("lines found twice", "1", again, none(again)),
		line("lines out of order", "1", moved, none(moved)),
	}
}

// shareOfLimit is a quantile of sizes as a share of the limit.
func shareOfLimit(sorted []int64, q float64) float64 {
	return float64(quantile(sorted, q)) / rotationLimit
}
