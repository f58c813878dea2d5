package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// While the file system is full, compressing fails and loses no rotated log, rotation
// goes on, and both are made good when there is space again.
func TestFullDisk(t *testing.T) {
	disk := mountSmall(t) // before a containerd starts, whose mounts are its own
	onBoth(t, func(t *testing.T, containerd *testbed.Containerd) {
		containerd.PodLogsDir = filepath.Join(disk, containerd.Version)
		t.Cleanup(func() {
			if err := os.RemoveAll(containerd.PodLogsDir); err != nil {
				t.Error(err)
			}
		})
		shim, client := newShim(t, containerd, func(c *config.Configuration) {
			keepAll(c)
			c.Rotation.CompressAfter = 1 << 50 // none yet
		})
		writer := runWriter(t, client, containerd.PodConfig("default", "full"), "-stream=both", "-rate=10000000", "-count=40000", "-stay")
		small := runWriter(t, client, containerd.PodConfig("default", "small"), "-stream=both", "-count=1000", "-stay")
		for _, log := range []string{writer.LogPath(), small.LogPath()} {
			eventually(t, func(context.Context) error {
				found, err := testbed.Verify(log)
				if err == nil {
					err = found.Complete("stdout", "stderr")
				}
				return err
			})
		}
		before := rotatedNames(t, writer.LogPath())
		filler := filepath.Join(containerd.PodLogsDir, "filler")
		fill(t, filler)

		shim.Config.Rotation.CompressAfter = 0
		shim.Config.Rotation.MaxSize = 100 << 10 // below what the small log has
		if err := shim.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		metricAtLeast(t, shim, 1, "cri_logshim_failures_total", `step="compress"`)
		eventually(t, func(context.Context) error {
			if len(rotatedNames(t, small.LogPath())) == 0 {
				return fmt.Errorf("%s is not rotated while the disk is full", small.LogPath())
			}
			return nil
		})
		for _, name := range before {
			if err := exists(filepath.Join(filepath.Dir(writer.LogPath()), name)); err != nil {
				t.Error(err)
			}
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		eventually(t, func(context.Context) error {
			names := rotatedNames(t, writer.LogPath())
			for _, name := range names[:len(names)-1] {
				if !strings.HasSuffix(name, ".gz") {
					return fmt.Errorf("%s is not yet compressed", name)
				}
			}
			return nil
		})
		complete(t, shim, writer.LogPath(), "stdout", "stderr")
		complete(t, shim, small.LogPath(), "stdout", "stderr")
	})
}

// mountSmall mounts an ext4 file system of its own and returns its directory.
func mountSmall(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "small")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(t.TempDir(), "ext4")
	for _, command := range [][]string{
		{"truncate", "-s", "48M", image},
		{"mkfs.ext4", "-q", "-m", "0", image},
		{"mount", "-o", "loop", image, dir},
	} {
		out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", command, err, out)
		}
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// fill writes a file until the file system has no space left.
func fill(t *testing.T, name string) {
	t.Helper()
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 64<<10)
	for len(block) > 0 {
		if _, err = file.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("fill the disk: %v", err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}
