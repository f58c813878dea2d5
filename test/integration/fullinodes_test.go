package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// Where no file can be made any longer, a log that is to be rotated keeps its name and
// every line, and is rotated when there are inodes again.
func TestNoInodes(t *testing.T) {
	disk := mountSmall(t) // before a containerd starts, whose mounts are its own
	onBoth(t, func(t *testing.T, containerd *testbed.Containerd) {
		containerd.PodLogsDir = shareOf(t, disk, containerd)
		shim, client := newShim(t, containerd, func(c *config.Configuration) {
			keepAll(c)
			c.Rotation.CompressAfter = 1 << 50 // never
		})
		writer := runWriter(t, client, containerd.PodConfig("default", "inodes"), "-stream=both", "-rate=200000", "-count=2000", "-stay")
		eventually(t, func(context.Context) error {
			_, err := testbed.Verify(writer.LogPath())
			return err
		})
		fillers := filepath.Join(containerd.PodLogsDir, "fillers")
		fillInodes(t, fillers)

		shim.Config.Rotation.MaxSize = 64 << 10
		if err := shim.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		metricAtLeast(t, shim, 3, "cri_logshim_failures_total", `step="reopen"`)
		if names := rotatedNames(t, writer.LogPath()); len(names) > 0 {
			t.Errorf("rotated to %q though no file can be made", names)
		}
		if err := exists(writer.LogPath()); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(fillers); err != nil {
			t.Fatal(err)
		}
		eventually(t, func(context.Context) error {
			if len(rotatedNames(t, writer.LogPath())) == 0 {
				return errors.New("the log is not rotated when there are inodes again")
			}
			return nil
		})
		complete(t, shim, writer.LogPath(), "stdout", "stderr")
	})
}

// fillInodes makes empty files until the file system takes no more.
func fillInodes(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		err := os.WriteFile(filepath.Join(dir, fmt.Sprint(n)), nil, 0o600)
		if errors.Is(err, syscall.ENOSPC) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
