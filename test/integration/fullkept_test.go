package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// Where the file system has no room for one more name in keepDir, logs are rotated as ever
// and no line is lost; what could not be kept is kept as soon as there is room.
//
// The kernel bounds every directory of this file system, so it is its own ENOSPC that the
// hard link and the rename get, while there is space for the lines.
func TestNoRoomInKeepDir(t *testing.T) {
	disk := mountSmall(t, "max_dir_size_kb=16") // before a containerd starts, whose mounts are its own
	onBoth(t, func(t *testing.T, containerd *testbed.Containerd) {
		containerd.PodLogsDir = filepath.Join(shareOf(t, disk, containerd), "pods")
		shim, client := newShim(t, containerd, func(c *config.Configuration) {
			keepAll(c)
			c.KeepDir = filepath.Join(disk, containerd.Version, "kept")
			c.Rotation.KeepAfterRemoval = time.Hour
			c.Rotation.MaxSize = 100 << 10
			c.Rotation.CompressAfter = 100 * time.Millisecond
		})
		h := &killHarness{shim: shim}
		h.whole = runWriter(t, client, containerd.PodConfig("default", "full"), "-stream=both", "-rate=1000000")
		metricAtLeast(t, shim, 3, "cri_logshim_rotations_total")
		release := fillDirectory(t, filepath.Dir(h.keptPath(h.whole)))
		before, err := shim.Metric(t.Context(), "cri_logshim_rotations_total")
		if err != nil {
			t.Fatal(err)
		}
		metricAtLeast(t, shim, before+20, "cri_logshim_rotations_total")
		metricAtLeast(t, shim, 1, "cri_logshim_failures_total", `step="prepare"`)
		metricAtLeast(t, shim, 1, "cri_logshim_failures_total", `step="keep"`)
		metricAtLeast(t, shim, 1, "cri_logshim_failures_total", `step="compress"`)
		release()
		h.stopWriter(t, h.whole)
		eventually(t, func(context.Context) error { return h.settled(h.whole) })
		complete(t, shim, h.whole.LogPath(), "stdout", "stderr")
		h.checkKept(t, h.whole)
	})
}

// fillDirectory makes names in a directory until there is no room for another, and returns
// what removes them.
func fillDirectory(t *testing.T, dir string) (release func()) {
	t.Helper()
	first := filepath.Join(dir, "fill")
	if err := os.WriteFile(first, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	names := []string{first}
	for n := 0; ; n++ {
		name := filepath.Join(dir, fmt.Sprintf("%04x", n)) // shorter than any name of a log's file
		err := os.Link(first, name)
		if errors.Is(err, syscall.ENOSPC) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	t.Logf("%d names fill %s", len(names), dir)
	return func() {
		for _, name := range names {
			if err := os.Remove(name); err != nil {
				t.Error(err)
			}
		}
	}
}
