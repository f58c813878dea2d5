package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// Real collectors follow a container's log through kubelet's kind of link, at 5 MB/s
// across 200 rotations, and are restarted in the middle. All have every line at the
// end, OpenTelemetry's exactly once, rsyslog, which promises no more, at least once.
// They are told of rotated files too: one that is not misses what is written between
// its last look at a file and the end of the rotation, and files that are rotated
// while it is down or between two looks.
func TestCollectorsMissNothing(t *testing.T) {
	const (
		seconds   = 45
		rate      = 5_000_000
		limit     = 1 << 20
		rotations = 200
	)
	onNewest(t, func(t *testing.T, containerd *testbed.Containerd) {
		shim, client := newShim(t, containerd, func(c *config.Configuration) { c.Rotation.MaxSize = limit })
		patterns := []string{
			filepath.Join(shim.Config.Links.LegacyDir, "*.log"),
			filepath.Join(containerd.PodLogsDir, "*/*/*.log.2*"),
		}
		otel := collect(t, testbed.NewOpenTelemetry, filepath.Join(containerd.Dir, "otel"), patterns...)
		rsyslog := collect(t, testbed.NewRsyslog, filepath.Join(containerd.Dir, "rsyslog"), patterns...)
		writer := runWriter(t, client, containerd.PodConfig("default", "writer"),
			fmt.Sprint("-rate=", rate), "-length=512", fmt.Sprintf("-duration=%ds", seconds))
		link := filepath.Join(shim.Config.Links.LegacyDir, "writer_default_app-"+writer.ID+".log")
		if err := os.Symlink(writer.LogPath(), link); err != nil { // at once, as kubelet does
			t.Fatal(err)
		}
		metricAtLeast(t, shim, rotations/2, "cri_logshim_rotations_total")
		for _, c := range []*testbed.Collector{otel, rsyslog} {
			restart(t, c)
		}
		exited(t, writer)
		// rsyslog's imfile may mix up its watches when files come this fast ("wd 7
		// already in wdmap"): it misses nothing then, but goes on only at its next start.
		restart(t, rsyslog)
		metricAtLeast(t, shim, rotations, "cri_logshim_rotations_total")
		for _, c := range []*testbed.Collector{otel, rsyslog} {
			found := collected(t, c, "stdout")
			t.Logf("%s: %v", c.Name, found)
			if !found.Ended || found.Lost > 0 || c == otel && found.Duplicated > 0 {
				t.Errorf("%s: %v", c.Name, found)
			}
		}
		unread, err := shim.Metric(t.Context(), "cri_logshim_deleted_unread_bytes_total")
		if err != nil {
			t.Fatal(err)
		}
		if unread > 0 {
			t.Errorf("%v bytes were removed unread, though nobody was that slow", unread)
		}
	})
}

// collect starts a collector.
func collect(t *testing.T, with func(string, ...string) (*testbed.Collector, error), dir string, patterns ...string) *testbed.Collector {
	t.Helper()
	c, err := with(dir, patterns...)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log of %s ends with:\n%s", c.Name, c.Log())
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// restart ends a collector and starts it again a while later, in which a log that is
// being written is rotated.
func restart(t *testing.T, c *testbed.Collector) {
	t.Helper()
	if err := c.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	time.Sleep(300 * time.Millisecond)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
}

// collected waits until a collector has nothing more to read, and returns what it has
// read of a stream.
func collected(t *testing.T, c *testbed.Collector, stream string) (found *testbed.StreamVerification) {
	t.Helper()
	var before int64
	eventually(t, func(context.Context) error {
		info, err := os.Stat(c.Output)
		if err != nil {
			return err
		}
		size := info.Size()
		grown := size - before
		before = size
		all, err := testbed.Verify(c.Output)
		if err != nil {
			return err
		}
		if found = all.Streams[stream]; grown > 0 || found == nil || !found.Ended {
			return fmt.Errorf("%s has not come to the end: %v", c.Name, found)
		}
		return nil
	})
	return found
}
