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
	"time"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// While the file system is full, compressing fails and loses no rotated log, nothing gets a
// name in keepDir, rotation goes on, and all is made good when there is space again.
func TestFullDisk(t *testing.T) {
	disk := mountSmall(t) // before a containerd starts, whose mounts are its own
	onBoth(t, func(t *testing.T, containerd *testbed.Containerd) {
		containerd.PodLogsDir = filepath.Join(shareOf(t, disk, containerd), "pods")
		shim, client := newShim(t, containerd, func(c *config.Configuration) {
			keepAll(c)
			c.KeepDir = filepath.Join(disk, containerd.Version, "kept")
			c.Rotation.KeepAfterRemoval = time.Hour
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
		h := &killHarness{shim: shim, whole: writer, packed: small}
		before := rotatedNames(t, writer.LogPath())
		filler := filepath.Join(containerd.PodLogsDir, "filler")
		fill(t, filler)
		release := fillDirectory(t, filepath.Dir(h.keptPath(small)))

		shim.Config.Rotation.CompressAfter = 0
		shim.Config.Rotation.MaxSize = 100 << 10 // below what the small log has
		if err := shim.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		metricAtLeast(t, shim, 1, "cri_logshim_failures_total", `step="compress"`)
		metricAtLeast(t, shim, 1, "cri_logshim_failures_total", `step="prepare"`) // by the second name
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
		release()
		for _, log := range h.logs() {
			eventually(t, func(context.Context) error { return h.settled(log) })
		}
		complete(t, shim, writer.LogPath(), "stdout", "stderr")
		complete(t, shim, small.LogPath(), "stdout", "stderr")
		for _, log := range h.logs() {
			h.checkKept(t, log)
		}
	})
}

// mountSmall mounts an ext4 file system of its own and returns its directory.
func mountSmall(t *testing.T, options ...string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "small")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(t.TempDir(), "ext4")
	for _, command := range [][]string{
		{"truncate", "-s", "48M", image},
		{"mkfs.ext4", "-q", "-m", "0", image},
		{"mount", "-o", strings.Join(append(options, "loop"), ","), image, dir},
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

// shareOf is the directory of a containerd on a disk that two of them have in turn.
func shareOf(t *testing.T, disk string, containerd *testbed.Containerd) string {
	t.Helper()
	dir := filepath.Join(disk, containerd.Version)
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
