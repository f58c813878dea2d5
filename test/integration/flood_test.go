package integration

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// A minute of at least 20 MB/s to stdout and stderr is rotated and compressed, and every
// line is found exactly once and in order over all files. On the version between the newest
// and the oldest, and beside kubelet, it takes less than a minute to see that it is so there too.
func TestFloodLosesNothing(t *testing.T) {
	const rate = 20_000_000
	onEach(t, func(t *testing.T, containerd *testbed.Containerd) {
		t.Parallel()
		duration := time.Minute
		if containerd.Version == testbed.Middle || config.Mode(*mode) == config.ModeManage {
			duration = 12 * time.Second
		}
		shim, client := newShim(t, containerd, func(c *config.Configuration) {
			c.Rotation.MaxSize = 10 << 20
			c.Rotation.MaxFiles = 100_000
			c.Rotation.CompressAfter = duration / 12
		})
		writer := runWriter(t, client, containerd.PodConfig("default", "flood"), "-stream=both", "-rate=22000000", "-duration="+duration.String())
		exited(t, writer)
		rotations, err := shim.Metric(t.Context(), "cri_logshim_rotations_total")
		if err != nil {
			t.Fatal(err)
		}
		found := complete(t, shim, writer.LogPath(), "stdout", "stderr")
		if seconds := int64(duration / time.Second); found.Bytes < seconds*rate {
			t.Errorf("the writer came to %d MB/s, which is too little to show anything", found.Bytes/seconds/1_000_000)
		}
		names := rotatedNames(t, writer.LogPath())
		compressed := 0
		for _, name := range names {
			if strings.HasSuffix(name, ".gz") {
				compressed++
			}
		}
		if compressed == 0 || compressed == len(names) {
			t.Errorf("%d of %d rotated files are compressed; there should be both kinds", compressed, len(names))
		}
		t.Logf("%d MB in %d files after %v rotations; largest file %.2f of the limit",
			found.Bytes/1_000_000, found.Files, rotations, float64(found.LargestFile)/(10<<20))
	})
}

// Names that look like patterns, and neighbours whose names begin alike, stay untouched
// when a log is rotated and its excess files go.
func TestNeighboursAreUntouched(t *testing.T) {
	onBoth(t, func(t *testing.T, containerd *testbed.Containerd) {
		shim, client := newShim(t, containerd, func(c *config.Configuration) {
			c.Rotation.MaxSize = 64 << 10
			c.Rotation.MaxFiles = 2
			c.Rotation.CompressAfter = 0
		})
		config := containerd.PodConfig("default", "pod")
		// Not a name that kubelet would use, but one that a path may have.
		config.LogDirectory = filepath.Join(containerd.PodLogsDir, "default_p[o]d * x_"+config.Metadata.Uid)
		pod, err := client.RunPod(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		app := filepath.Join(config.LogDirectory, "app")
		neighbours := map[string]string{
			filepath.Join(app, "10.log"):                                            "another attempt",
			filepath.Join(app, "10.log.20200101-000000.000000000"):                  "another attempt, rotated",
			filepath.Join(app, "0.log2"):                                            "no log",
			filepath.Join(config.LogDirectory, "app-2", "0.log"):                    "another container",
			filepath.Join(config.LogDirectory, "app-2", "0.log.20200101-000000.gz"): "another container, rotated",
		}
		for name, content := range neighbours {
			writeFile(t, name, content)
		}
		writer, err := pod.Run(t.Context(), testbed.ContainerConfig("app", 0, "seqwriter", "-rate=1000000", "-stay"))
		if err != nil {
			t.Fatal(err)
		}
		metricAtLeast(t, shim, 10, "cri_logshim_files_removed_total")
		if err := writer.Stop(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
		for name, content := range neighbours {
			if got := readFile(t, name); got != content {
				t.Errorf("%s holds %q, not %q", name, got, content)
			}
		}
	})
}
