package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

const (
	// pollEvery is kubelet's default containerLogMonitorInterval.
	pollEvery = 10 * time.Second
	// polledFlood is long enough for two looks.
	polledFlood = 25 * time.Second
)

// polledPart floods a log without the shim. Its rotator looks at it as often as
// kubelet does by default, and does of kubelet's work only what bounds the file:
// rename and reopen.
func polledPart(ctx context.Context, containerd *testbed.Containerd, r *report, progress io.Writer) (err error) {
	fmt.Fprintf(progress, "flooding a log for %v, looked at every %v\n", polledFlood, pollEvery)
	client, err := containerd.Dial()
	if err != nil {
		return err
	}
	defer client.Close()
	flooded, err := flood(ctx, containerd, client, polledFlood, poll)
	if err != nil {
		return err
	}
	const row = "the same, looked at every 10 s and without the shim"
	r.Figures = append(r.Figures,
		figure{Row: row, Name: "write rate", Unit: "MB/s", Values: map[string]float64{direct: float64(flooded.lines.Bytes) / 1e6 / flooded.lasted.Seconds()}},
		figure{Row: row, Name: "largest file to limit", Unit: "1", Values: map[string]float64{direct: float64(flooded.lines.LargestFile) / rotationLimit}})
	return nil
}

// leaveAlone is for a log that somebody else rotates.
func leaveAlone(context.Context, *testbed.Container) error { return nil }

// poll rotates a container's log whenever it is found beyond the limit.
func poll(ctx context.Context, c *testbed.Container) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			info, err := os.Stat(c.LogPath())
			if err != nil {
				return err
			}
			if info.Size() < rotationLimit {
				continue
			}
			if err := os.Rename(c.LogPath(), c.LogPath()+"."+now.Format("20060102-150405")); err != nil {
				return err
			}
			if err := c.ReopenLog(ctx); err != nil {
				return err
			}
		}
	}
}
