package integration

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// A log that is flooded, rotated and compressed is followed by the command logs until its pod
// is removed, and what was kept of it is shown after that: each time every line, once and in
// order.
func TestLogsCommand(t *testing.T) {
	onBoth(t, func(t *testing.T, containerd *testbed.Containerd) {
		t.Parallel()
		shim, client := newShim(t, containerd, func(c *config.Configuration) {
			keepAll(c)
			c.Rotation.KeepAfterRemoval = time.Hour
		})
		pod := containerd.PodConfig("default", "read")
		writer := runWriter(t, client, pod, "-stream=both", "-rate=8000000", "-duration=5s")
		following := make(chan counts, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		go func() { following <- runLogs(ctx, shim, "default/read/app", "-f") }()
		metricAtLeast(t, shim, 10, "cri_logshim_rotations_total")
		exited(t, writer)
		if err := writer.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := writer.Pod.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(pod.LogDirectory); err != nil {
			t.Fatal(err)
		}
		followed := <-following
		followed.complete(t, 1)
		runLogs(ctx, shim, "read").complete(t, 1)
		if last := runLogs(ctx, shim, "read", "--tail", "2"); last.err != nil || last.lines != 2 || len(last.ends) == 0 {
			t.Errorf("the last two lines of the kept log: %+v", last)
		}
		t.Logf("followed %d lines across rotations", followed.lines)
	})
}

// counts is what was read of a seqwriter's lines.
type counts struct {
	lines int
	last  map[string]uint64 // by stream, of the present writer
	ends  map[string]int    // writers whose last line was read, after all others
	err   error             // a line that is missing, double or none of the writer's, or the command's
}

// complete wants every line of both streams of so many writers, one after the other.
func (c counts) complete(t *testing.T, writers int) {
	t.Helper()
	if c.err != nil {
		t.Error(c.err)
	}
	for _, stream := range []string{"stdout", "stderr"} {
		if c.ends[stream] != writers || c.last[stream] > 0 {
			t.Errorf("%s: read all of %d writers instead of %d, and %d lines of another one", stream, c.ends[stream], writers, c.last[stream])
		}
	}
}

// runLogs runs the command logs with a shim's directories.
func runLogs(ctx context.Context, shim *testbed.Shim, args ...string) counts {
	c := counts{last: map[string]uint64{}, ends: map[string]int{}}
	args = append([]string{"logs", "--pod-logs-dir", shim.Config.PodLogsDir, "--keep-dir", shim.Config.KeepDir}, args...)
	cmd := exec.CommandContext(ctx, programs.Shim, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		c.err = err
		return c
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		c.add(lines.Text(), !slices.Contains(args, "--tail"))
	}
	_, _ = io.Copy(io.Discard, out) // what follows an error of the scanner's
	if err := cmd.Wait(); err != nil && c.err == nil {
		c.err = fmt.Errorf("%q: %w", args, err)
	}
	if c.err == nil {
		c.err = lines.Err()
	}
	return c
}

// add counts a line; if all are expected it has to be the next of its stream.
func (c *counts) add(line string, all bool) {
	c.lines++
	fields := strings.Fields(line)
	if len(fields) < 3 {
		c.err = fmt.Errorf("not a line of the writer's: %.100q", line)
		return
	}
	stream := fields[0]
	if fields[1] == "done" {
		fields = fields[1:]
	}
	number, err := strconv.ParseUint(fields[1], 10, 64)
	switch {
	case err != nil:
		c.err = fmt.Errorf("not a line of the writer's: %.100q", line)
	case fields[0] == "done" && all && number != c.last[stream] && c.err == nil:
		c.err = fmt.Errorf("%s has %d lines, and ends after line %d", stream, number, c.last[stream])
	case fields[0] == "done":
		c.ends[stream]++
		c.last[stream] = 0
	case all && number != c.last[stream]+1 && c.err == nil:
		c.err = fmt.Errorf("line %d of %s after line %d", number, stream, c.last[stream])
		c.last[stream] = number
	default:
		c.last[stream] = number
	}
}
