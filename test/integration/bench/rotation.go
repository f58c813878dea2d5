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
	// floodMargin is what a container is given to come up and to end.
	floodMargin = time.Minute
	// settleTime is what the last lines of a flood are given to arrive in the log.
	settleTime = 20 * time.Second
)

// rotationPart floods a log on a real containerd through the shim, and looks at
// what became of it. Nothing of it is left on the machine afterwards.
func rotationPart(ctx context.Context, s settings, programs testbed.Programs, r *report, progress io.Writer) (err error) {
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

	fmt.Fprintf(progress, "flooding a log for %v\n", s.rotation)
	client, err := shim.Dial()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	flooded, err := flood(ctx, containerd, client, s.rotation)
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
	r.Settings = append(r.Settings, setting{"rotation limit", rotationLimit, "B"})
	r.Figures = append(r.Figures, flooded.figures(reopen)...)
	return shim.Stop(ctx)
}

// floodResult is what was found after a flood.
type floodResult struct {
	rotated []int64 // sizes in bytes of all rotated files, sorted
	lines   testbed.Verification
	lasted  time.Duration // from the writer's start to its end, by the runtime's clock
}

// flood runs a container that writes to both of its streams as fast as they are
// taken, and reads its log back once it has ended.
func flood(ctx context.Context, containerd *testbed.Containerd, client *testbed.Client, d time.Duration) (result floodResult, err error) {
	pod, err := client.RunPod(ctx, containerd.PodConfig("bench", "flood"))
	if err != nil {
		return floodResult{}, err
	}
	container, err := pod.Run(ctx, testbed.ContainerConfig("writer", 0, "/bin/seqwriter",
		"-stream=both", "-duration="+d.String(), fmt.Sprintf("-count=%d", floodLines)))
	if err != nil {
		return floodResult{}, err
	}
	ending, cancel := context.WithTimeout(ctx, d+floodMargin)
	defer cancel()
	status, err := container.WaitState(ending, runtimeapi.ContainerState_CONTAINER_EXITED)
	if err != nil {
		return floodResult{}, err
	}
	if status.GetExitCode() != 0 {
		return floodResult{}, fmt.Errorf("the flooding container ended with exit code %d", status.GetExitCode())
	}
	result.lasted = time.Duration(status.GetFinishedAt() - status.GetStartedAt())
	if result.lines, err = verify(ctx, container.LogPath()); err != nil {
		return floodResult{}, err
	}
	result.rotated, err = rotatedSizes(container.LogPath())
	return result, err
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
func (f floodResult) figures(reopen histogram) []figure {
	const row = "rotation at 10 MiB, containerd " + testbed.Newest + ", flood"
	line := func(name, unit string, value float64, goals ...goal) figure {
		return figure{Row: row, Name: name, Unit: unit, Values: map[string]float64{shimmed: value}, Goals: goals}
	}
	share := func(size int64) float64 { return float64(size) / rotationLimit }
	var lost, again, moved float64
	for _, s := range f.lines.Streams {
		lost += float64(s.Lost)
		again += float64(s.Duplicated)
		moved += float64(s.OutOfOrder)
	}
	none := func(n float64) goal { return atMost("none", n, 0, "1") }
	return []figure{
		line("rotations", "1", float64(len(f.rotated))),
		line("write rate", "MB/s", float64(f.lines.Bytes)/1e6/f.lasted.Seconds()),
		line("rotated file to limit, p50", "1", share(quantile(f.rotated, 0.50))),
		line("rotated file to limit, p99", "1", share(quantile(f.rotated, 0.99))),
		line("largest file to limit", "1", share(f.lines.LargestFile)),
		line("reopen latency p50", "ms", reopen.quantile(0.50)*1e3),
		line("reopen latency p99", "ms", reopen.quantile(0.99)*1e3),
		line("lines written", "1", f.written()),
		line("lines lost", "1", lost, none(lost)),
		line("lines found twice", "1", again, none(again)),
		line("lines out of order", "1", moved, none(moved)),
	}
}

func (f floodResult) written() float64 {
	var n float64
	for _, s := range f.lines.Streams {
		n += float64(s.Written)
	}
	return n
}
