package integration

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// When something fills the disk to the last byte, the oldest files make room for new
// lines, without a restart, and nothing but the oldest.
func TestDiskIsWonBack(t *testing.T) {
	const floor = 8 << 20
	disk := mountSmall(t) // before a containerd starts, whose mounts are its own
	onBoth(t, func(t *testing.T, containerd *testbed.Containerd) {
		containerd.PodLogsDir = shareOf(t, disk, containerd)
		shim, client := newShim(t, containerd, func(c *config.Configuration) {
			keepAll(c)
			c.Rotation.CompressAfter = 1 << 50 // none
			c.Node.MinFree = config.Floor{Amount: floor}
		})
		writer := runWriter(t, client, containerd.PodConfig("default", "full"), "-stream=both", "-rate=10000000", "-count=40000", "-stay")
		eventually(t, func(context.Context) error {
			found, err := testbed.Verify(writer.LogPath())
			if err == nil {
				err = found.Complete("stdout", "stderr")
			}
			return err
		})
		before := rotatedNames(t, writer.LogPath())
		fill(t, filepath.Join(containerd.PodLogsDir, "filler"))
		eventually(t, func(context.Context) error {
			if free := freeBytes(t, disk); free < floor {
				return fmt.Errorf("%d bytes are free, want %d", free, floor)
			}
			return nil
		})
		left := rotatedNames(t, writer.LogPath())
		if len(left) == 0 || len(left) >= len(before) || !slices.Equal(left, before[len(before)-len(left):]) {
			t.Errorf("of %q are left %q", before, left)
		}
		if free := freeBytes(t, disk); free > floor+2<<20 {
			t.Errorf("%d bytes are free: more was removed than needed", free)
		}
		metricAtLeast(t, shim, float64(len(before)-len(left)), "cri_logshim_files_removed_total", `reason="node.minFree"`)

		// The writer is idle; another one finds room, and its log is rotated.
		second := runWriter(t, client, containerd.PodConfig("default", "second"), "-stream=both", "-rate=10000000", "-count=10000", "-stay")
		eventually(t, func(context.Context) error {
			found, err := testbed.Verify(second.LogPath())
			if err == nil {
				err = found.Complete("stdout", "stderr")
			}
			if err == nil && len(rotatedNames(t, second.LogPath())) == 0 {
				err = fmt.Errorf("%s is not rotated", second.LogPath())
			}
			return err
		})
		complete(t, shim, second.LogPath(), "stdout", "stderr")
		found, err := testbed.Verify(writer.LogPath())
		if err == nil {
			err = found.CompleteSince("stdout", "stderr")
		}
		if err != nil {
			t.Error(err)
		}
	})
}

// freeBytes is what users other than root may still write to a file system.
func freeBytes(t *testing.T, dir string) int64 {
	t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	return int64(st.Bavail) * st.Frsize
}
