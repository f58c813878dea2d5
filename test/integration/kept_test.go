package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// A log that is to outlive its pod has every line, though the pod's directory goes first,
// as kubelet does it, and once while the writer is at work; and it is found by the names of
// its pod, its uid, its container and the attempt.
func TestLogOutlivesItsPod(t *testing.T) {
	onBoth(t, func(t *testing.T, containerd *testbed.Containerd) {
		t.Parallel()
		shim, client := newShim(t, containerd, func(c *config.Configuration) {
			keepAll(c)
			c.Rotation.KeepAfterRemoval = time.Hour
		})
		pod := containerd.PodConfig("default", "gone")
		writer := runWriter(t, client, pod, "-stream=both", "-rate=4000000", "-duration=6s")
		metricAtLeast(t, shim, 3, "cri_logshim_rotations_total")
		if err := os.RemoveAll(filepath.Dir(writer.LogPath())); err != nil {
			t.Fatal(err)
		}
		exited(t, writer)
		if err := os.RemoveAll(pod.LogDirectory); err != nil {
			t.Fatal(err)
		}
		if err := writer.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := writer.Pod.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
		log := filepath.Join(shim.Config.KeepDir, "default_gone_"+pod.Metadata.Uid, "app", "0.log")
		complete(t, shim, log, "stdout", "stderr")

		if strings.Contains(shim.Log(), "level=error") {
			t.Error("the shim reports errors")
		}
	})
}
