package integration

import (
	"errors"
	"regexp"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// The real kubelet's rotation is left on. It looks every three seconds, and a log that
// grows by five megabytes a second is then mostly beyond its limit. Both rotate, and no
// line is lost or doubled. Kubelet's names have whole seconds, so the order of the files
// is not looked at, and it may keep so many files that it removes none.
func TestRealKubeletRotatesToo(t *testing.T) {
	t.Parallel()
	onNewest(t, func(t *testing.T, containerd *testbed.Containerd) {
		shim, _ := newShim(t, containerd, keepAll)
		kubelet := newKubelet(t, containerd, shim, testbed.ContainerLogs{
			MaxSize: "100Ki", MaxFiles: 100_000, MaxWorkers: 1, MonitorInterval: 3 * time.Second,
		})
		_, writer := runStatic(t, kubelet, "twice", "Never", "seqwriter", "-stream=both", "-rate=5000000", "-duration=60s")
		if _, err := writer.WaitState(t.Context(), runtimeapi.ContainerState_CONTAINER_EXITED); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(kubelet.Stop(t.Context()), shim.Stop(t.Context())); err != nil {
			t.Fatal(err)
		}
		found, err := testbed.Verify(writer.LogPath())
		if err != nil {
			t.Fatal(err)
		}
		for _, stream := range []string{"stdout", "stderr"} {
			if s := found.Streams[stream]; s == nil || !s.Ended || s.Lost+s.Duplicated > 0 {
				t.Errorf("%s: %v", stream, s)
			}
		}
		theirs := kubeletRotated(t, writer.LogPath())
		if ours := found.Files - 1 - theirs; theirs < 3 || ours < 3 {
			t.Errorf("kubelet rotated %d times and we %d times: the two never met", theirs, ours)
		}
		t.Logf("%d bytes in %d files, %d of them rotated by kubelet", found.Bytes, found.Files, theirs)
	})
}

// kubeletRotated is the number of rotated files whose times have whole seconds, as
// kubelet's.
func kubeletRotated(t *testing.T, log string) int {
	t.Helper()
	theirs := regexp.MustCompile(`\.log\.\d{8}-\d{6}(\.gz)?$`)
	n := 0
	for _, name := range rotatedNames(t, log) {
		if theirs.MatchString(name) {
			n++
		}
	}
	return n
}

// Both have their defaults, as on a node where nothing was set. A log that reaches its
// limit every two seconds is at it whenever kubelet looks, or just before. The oldest
// files go, as the number of files says, and of the rest no line is lost or doubled.
func TestKubeletRotatesAtItsDefaults(t *testing.T) {
	t.Parallel()
	onNewest(t, func(t *testing.T, containerd *testbed.Containerd) {
		shim, _ := newShim(t, containerd, nil)
		kubelet := newKubelet(t, containerd, shim, testbed.DefaultContainerLogs())
		_, writer := runStatic(t, kubelet, "defaults", "Never", "seqwriter", "-stream=both", "-rate=4000000", "-duration=45s")
		if _, err := writer.WaitState(t.Context(), runtimeapi.ContainerState_CONTAINER_EXITED); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(kubelet.Stop(t.Context()), shim.Stop(t.Context())); err != nil {
			t.Fatal(err)
		}
		found, err := testbed.Verify(writer.LogPath())
		if err != nil {
			t.Fatal(err)
		}
		for _, stream := range []string{"stdout", "stderr"} {
			if s := found.Streams[stream]; s == nil || !s.Ended || s.Lost != s.Head() || s.Duplicated > 0 {
				t.Errorf("%s: %v", stream, s)
			}
		}
		if found.Files < 3 || found.Files > shim.Config.Rotation.MaxFiles {
			t.Errorf("there are %d files", found.Files)
		}
		if complaints, err := kubelet.Logged("Failed to rotate"); err != nil || len(complaints) > 0 {
			t.Errorf("kubelet had trouble with its rotation: %q %v", complaints, err)
		}
		t.Logf("%d files, %d of them rotated by kubelet", found.Files, kubeletRotated(t, writer.LogPath()))
	})
}
