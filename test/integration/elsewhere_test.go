package integration

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// dockerPods is the shim before dockershim, with a pod to run containers in.
type dockerPods struct {
	docker *testbed.Docker
	shim   *testbed.Shim
	pod    *testbed.Pod
}

func newDockerPods(t *testing.T, o testbed.DockershimOptions) dockerPods {
	t.Helper()
	dockershim := newDockershim(t, o)
	shim, client := newShim(t, dockershim, nil)
	pod, err := client.RunPod(t.Context(), dockershim.PodConfig("default", "pod"))
	if err != nil {
		t.Fatal(err)
	}
	return dockerPods{dockershim.Docker, shim, pod}
}

// run starts a container and tells which file Docker writes for it.
func (d dockerPods) run(t *testing.T, name, script string) (*testbed.Container, string) {
	t.Helper()
	c, err := d.pod.Run(t.Context(), testbed.ContainerConfig(name, 0, "sh", "-c", script))
	if err != nil {
		t.Fatal(err)
	}
	return c, d.file(t, c)
}

func (d dockerPods) file(t *testing.T, c *testbed.Container) string {
	t.Helper()
	file, err := d.docker.LogFileOf(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// linked waits until a container's log path leads to Docker's file.
func (d dockerPods) linked(t *testing.T, c *testbed.Container, file string) {
	t.Helper()
	eventually(t, func(context.Context) error { return leadsTo(c.LogPath(), file) })
}

// Whatever becomes of the links to Docker's files, they are right again; dockershim is never
// hindered in making its own; what is no link stays; and all go with their containers.
func TestLinksToDockersFiles(t *testing.T) {
	t.Parallel()
	d := newDockerPods(t, testbed.DockershimOptions{})
	t.Run("repaired", func(t *testing.T) {
		files := map[*testbed.Container]string{}
		for name, spoil := range map[string]func(string) error{
			"removed":     os.Remove,
			"led-away":    func(link string) error { return errors.Join(os.Remove(link), os.Symlink("/elsewhere", link)) },
			"without-dir": func(link string) error { return os.RemoveAll(filepath.Dir(link)) },
		} {
			c, file := d.run(t, name, "echo one; exec sleep 1000000")
			if err := errors.Join(leadsTo(c.LogPath(), file), spoil(c.LogPath())); err != nil {
				t.Fatal(err)
			}
			files[c] = file
		}
		for c, file := range files {
			d.linked(t, c, file)
		}
	})
	t.Run("without a directory", func(t *testing.T) {
		c, err := d.pod.Create(t.Context(), testbed.ContainerConfig("homeless", 0, "sh", "-c", "echo one; exec sleep 1000000"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Dir(c.LogPath())); err != nil {
			t.Fatal(err)
		}
		err = c.Start(t.Context())
		if err == nil || !strings.Contains(err.Error(), "failed to create symbolic link") {
			t.Errorf("the start has ended with %v instead of dockershim's own error", err)
		}
		d.linked(t, c, d.file(t, c))
	})
	t.Run("after a failed start", func(t *testing.T) {
		c, err := d.pod.Create(t.Context(), testbed.ContainerConfig("failing", 0, "/nothing/there"))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(t.Context()); err == nil {
			t.Error("a program that is not there was started")
		}
		if file := d.file(t, c); file != "" {
			d.linked(t, c, file)
		}
	})
	t.Run("a file in the way", func(t *testing.T) {
		c, _ := d.run(t, "blocked", "echo one; exec sleep 1000000")
		if err := errors.Join(os.Remove(c.LogPath()), os.WriteFile(c.LogPath(), []byte("precious"), 0o600)); err != nil {
			t.Fatal(err)
		}
		metricAtLeast(t, d.shim, 2, "cri_logshim_failures_total", `step="link"`)
		if content, err := os.ReadFile(c.LogPath()); err != nil || string(content) != "precious" {
			t.Errorf("the file holds %q, %v", content, err)
		}
	})
	t.Run("gone", func(t *testing.T) {
		c, _ := d.run(t, "gone", "echo one")
		if err := d.docker.Remove(t.Context(), c.ID); err != nil { // behind the back of all
			t.Fatal(err)
		}
		eventually(t, func(context.Context) error {
			if _, err := os.Lstat(c.LogPath()); !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("the link of a container that is gone: %w", err)
			}
			return nil
		})
	})
}

// Docker rotates its files by itself: that is followed and counted, the log path leads to the
// newest one all the time, and no other step is taken.
func TestDockersRotationIsCounted(t *testing.T) {
	t.Parallel()
	const size, files = 100_000, 3
	d := newDockerPods(t, testbed.DockershimOptions{Docker: testbed.DockerOptions{
		LogOptions: map[string]string{"max-size": fmt.Sprint(size), "max-file": fmt.Sprint(files)},
	}})
	c, file := d.run(t, "app", "i=0; while :; do i=$((i+1)); echo line $i; usleep 1000; done")
	metricAtLeast(t, d.shim, 2, "cri_logshim_elsewhere_rotations_total")
	d.linked(t, c, file)
	if err := c.ReopenLog(t.Context()); err == nil || !strings.Contains(err.Error(), "docker does not support reopening container log files") {
		t.Errorf("a reopen has ended with %v instead of dockershim's own error", err)
	}
	for name, want := range map[string]func(float64) bool{
		"cri_logshim_elsewhere_logs":       func(v float64) bool { return v == 1 },
		"cri_logshim_logs_managed":         func(v float64) bool { return v == 0 },
		"cri_logshim_elsewhere_bytes":      func(v float64) bool { return v > size && v < 2*files*size },
		"cri_logshim_rotations_total":      func(v float64) bool { return v == 0 },
		"cri_logshim_reopen_seconds_count": func(v float64) bool { return v == 0 },
		"cri_logshim_failures_total":       func(v float64) bool { return v == 0 },
	} {
		if got, err := d.shim.Metric(t.Context(), name); err != nil || !want(got) {
			t.Errorf("%s is %v, %v", name, got, err)
		}
	}
	if err := d.pod.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		left, err := d.shim.Metric(ctx, "cri_logshim_elsewhere_logs")
		if err == nil && left > 0 {
			err = fmt.Errorf("%v logs are told of, none is there", left)
		}
		return err
	})
}
