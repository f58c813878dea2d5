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

// Containers that run before the shim starts, that are made behind its back, and that
// outlive a restart of the runtime are managed, each within the time that is promised.
func TestAdopts(t *testing.T) {
	const promised = 5 * time.Second
	onEach(t, func(t *testing.T, containerd *testbed.Containerd) {
		t.Parallel()
		direct, err := containerd.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer direct.Close()
		args := []string{"-stream=both", "-rate=4000000"}
		before := runWriter(t, direct, containerd.PodConfig("default", "before"), args...)
		eventually(t, func(context.Context) error { return exists(before.LogPath()) })
		shim, _ := newShim(t, containerd, keepAll)
		adopted := func(what, log string) {
			began, had := time.Now(), len(rotatedNames(t, log))
			eventually(t, func(context.Context) error {
				if len(rotatedNames(t, log)) == had {
					return fmt.Errorf("%s: the log is not rotated", what)
				}
				return nil
			})
			t.Logf("%s: rotated after %v, promised %v", what, time.Since(began), promised)
		}
		adopted("running before", before.LogPath())
		behind := runWriter(t, direct, containerd.PodConfig("default", "behind"), args...)
		adopted("made behind our back", behind.LogPath())
		if err := containerd.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := containerd.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		adopted("running before, after a restart of the runtime", before.LogPath())
		adopted("made behind our back, after a restart of the runtime", behind.LogPath())
		for _, writer := range []*testbed.Container{before, behind} {
			if err := writer.Stop(t.Context(), time.Minute); err != nil {
				t.Fatal(err)
			}
			exited(t, writer)
		}
		for _, writer := range []*testbed.Container{before, behind} {
			killed(t, shim, writer.LogPath(), "stdout", "stderr")
		}
	})
}

// killed ends the shim and checks a log whose containerd was killed once.
func killed(t *testing.T, shim *testbed.Shim, log string, streams ...string) {
	t.Helper()
	if shim.Running() {
		if err := shim.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
	found, err := testbed.Verify(log)
	if err != nil {
		t.Fatal(err)
	}
	checkSurvivor(t, found, 1, streams...)
}

// A client that sets no log directory and path gets logs, at the place where Kubernetes
// has them, and a legacy link that goes when the container is gone.
func TestFillsPathsAndKeepsLinks(t *testing.T) {
	onBoth(t, func(t *testing.T, containerd *testbed.Containerd) {
		t.Parallel()
		shim, client := newShim(t, containerd, keepAll)
		config := containerd.PodConfig("default", "bare")
		want := filepath.Join(containerd.PodLogsDir, "default_bare_"+config.Metadata.Uid, "app", "3.log")
		config.LogDirectory = ""
		pod, err := client.RunPod(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		container := testbed.ContainerConfig("app", 3, "seqwriter", "-count=1000", "-stay")
		container.LogPath = ""
		writer, err := pod.Run(t.Context(), container)
		if err != nil {
			t.Fatal(err)
		}
		status, err := writer.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if status.LogPath != want {
			t.Errorf("the log is at %q, not at %q", status.LogPath, want)
		}
		link := filepath.Join(shim.Config.Links.LegacyDir, "bare_default_app-"+writer.ID+".log")
		eventually(t, func(context.Context) error { return exists(link) })
		if target, err := os.Readlink(link); err != nil || target != want {
			t.Errorf("the legacy link leads to %q (%v), not to %q", target, err, want)
		}
		// The rest of a life: kubelet deletes the log, then removes the container.
		if err := writer.Stop(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(want); err != nil {
			t.Fatal(err)
		}
		if err := writer.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
		eventually(t, func(context.Context) error { return absent(link) })
	})
}

// Names and paths that lead out of the pod's directory are forwarded and never touched.
func TestEscapingPathsAreNotManaged(t *testing.T) {
	onBoth(t, func(t *testing.T, containerd *testbed.Containerd) {
		shim, client := newShim(t, containerd, func(c *config.Configuration) { keepAll(c); c.Rotation.MaxSize = 4 << 10 })
		pod, err := client.RunPod(t.Context(), containerd.PodConfig("default", "escape"))
		if err != nil {
			t.Fatal(err)
		}
		escaping := testbed.ContainerConfig("app", 0, "seqwriter", "-count=1000", "-stay")
		escaping.LogPath = "../../outside/0.log"
		outside, err := pod.Run(t.Context(), escaping)
		if err != nil {
			t.Fatal(err)
		}
		metricAtLeast(t, shim, 1, "cri_logshim_containers_not_managed_total")
		ordinary, err := pod.Run(t.Context(), testbed.ContainerConfig("ordinary", 0, "seqwriter", "-count=1000", "-stay"))
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, func(context.Context) error {
			if len(rotatedNames(t, ordinary.LogPath())) == 0 {
				return fmt.Errorf("%s is not rotated", ordinary.LogPath())
			}
			return nil
		})
		if names := rotatedNames(t, outside.LogPath()); len(names) > 0 {
			t.Errorf("a log outside of its pod's directory was rotated to %q", names)
		}
	})
}
