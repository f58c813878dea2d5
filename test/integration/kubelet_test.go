package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// newKubelet starts a real kubelet before a shim, or beside it.
func newKubelet(t *testing.T, containerd *testbed.Containerd, shim *testbed.Shim, logs testbed.ContainerLogs) *testbed.Kubelet {
	t.Helper()
	return startKubelet(t, containerd, testbed.KubeletOptions{Endpoint: shim.Endpoint(), Logs: logs})
}

// startKubelet starts a real kubelet.
func startKubelet(t *testing.T, runtime testbed.Runtime, o testbed.KubeletOptions) *testbed.Kubelet {
	t.Helper()
	kubelet, err := testbed.NewKubelet(t.Context(), runtime, programs, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("kubelet's log ends with:\n%s", kubelet.Log())
		}
		if err := kubelet.Close(); err != nil {
			t.Errorf("end kubelet: %v", err)
		}
	})
	return kubelet
}

// runStatic runs a static pod and waits for its first container.
func runStatic(t *testing.T, kubelet *testbed.Kubelet, name, restart string, command ...string) (testbed.StaticPod, *testbed.Container) {
	t.Helper()
	pod := testbed.StaticPod{Name: name, Command: command, Restart: restart}
	if err := kubelet.Run(pod); err != nil {
		t.Fatal(err)
	}
	container, err := kubelet.Running(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	return pod, container
}

// What kubelet does with log directories works on ours, with rotated and compressed files
// in them: it counts every block, it removes the logs of a dead container and of no other,
// it counts restarts by file names, and it removes the directory with the pod.
func TestKubeletOnOurDirectories(t *testing.T) {
	t.Parallel()
	onNewest(t, func(t *testing.T, containerd *testbed.Containerd) {
		shim, _ := newShim(t, containerd, func(c *config.Configuration) {
			keepAll(c)
			c.Rotation.MaxSize = 256 << 10
			c.Links.LegacyDir = containerd.LegacyDir()
		})
		kubelet := newKubelet(t, containerd, shim, testbed.LeftToTheShim())
		steady, writer := runStatic(t, kubelet, "steady", "Never", "seqwriter", "-rate=2000000", "-duration=4s", "-stay")
		crashing, crashed := runStatic(t, kubelet, "crashing", "Always", "seqwriter", "-rate=2000000", "-duration=2s", "-exit-code=1")

		checkAccounting(t, kubelet, steady, writer)
		checkLegacyLink(t, kubelet, writer)
		if err := kubelet.Delete(steady); err != nil {
			t.Fatal(err)
		}
		checkClean(t, kubelet, crashing, crashed)
		checkGarbageCollection(t, writer.Pod.Config.LogDirectory)
		if _, err := os.Lstat(legacyLink(kubelet, writer)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the legacy link of the deleted pod is still there: %v", err)
		}
		checkRestartCount(t, kubelet, crashing, filepath.Dir(crashed.LogPath()))
		if _, err := os.Stat(writer.Pod.Config.LogDirectory); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the directory of the deleted pod has come back: %v", err)
		}
		complaints, err := kubelet.Logged("legacy symbolic link")
		if err != nil || len(complaints) > 0 {
			t.Errorf("kubelet had trouble with its legacy links: %q %v", complaints, err)
		}
	})
}

// checkAccounting waits until kubelet's usage of a container's log is that of all of its
// files, of which some are compressed.
func checkAccounting(t *testing.T, kubelet *testbed.Kubelet, pod testbed.StaticPod, c *testbed.Container) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		blocks, compressed, err := usage(filepath.Dir(c.LogPath()))
		if err != nil {
			return err
		}
		told, err := logUsage(ctx, kubelet, pod.FullName())
		switch {
		case err != nil:
			return err
		case compressed == 0:
			return errors.New("no file is compressed yet")
		case told != blocks:
			return fmt.Errorf("kubelet counts %d bytes of logs, the files have %d", told, blocks)
		}
		return nil
	})
}

// usage is the disk usage of the files in a folder in bytes, and the number of compressed
// ones.
func usage(dir string) (size uint64, compressed int, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, 0, err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return 0, 0, err
		}
		size += uint64(info.Sys().(*syscall.Stat_t).Blocks) * 512
		if strings.HasSuffix(e.Name(), ".gz") {
			compressed++
		}
	}
	return size, compressed, nil
}

// logUsage is what kubelet says of the only container of a pod.
func logUsage(ctx context.Context, kubelet *testbed.Kubelet, pod string) (uint64, error) {
	text, err := kubelet.Get(ctx, "/stats/summary")
	if err != nil {
		return 0, err
	}
	var summary struct {
		Pods []struct {
			PodRef     struct{ Name string }
			Containers []struct{ Logs struct{ UsedBytes uint64 } }
		}
	}
	if err := json.Unmarshal([]byte(text), &summary); err != nil {
		return 0, fmt.Errorf("read kubelet's summary: %w", err)
	}
	for _, p := range summary.Pods {
		if p.PodRef.Name == pod && len(p.Containers) == 1 {
			return p.Containers[0].Logs.UsedBytes, nil
		}
	}
	return 0, fmt.Errorf("kubelet's summary says nothing of %q", pod)
}

// legacyLink is the name that kubelet gives to a container's legacy link.
func legacyLink(kubelet *testbed.Kubelet, c *testbed.Container) string {
	pod := c.Pod.Config.Metadata
	return filepath.Join(kubelet.LegacyDir, fmt.Sprintf("%s_%s_%s-%s.log", pod.Name, pod.Namespace, testbed.AppContainer, c.ID))
}

// checkLegacyLink checks that a container has one link, which leads to its current log
// after many rotations.
func checkLegacyLink(t *testing.T, kubelet *testbed.Kubelet, c *testbed.Container) {
	t.Helper()
	entries, err := os.ReadDir(kubelet.LegacyDir)
	if err != nil {
		t.Fatal(err)
	}
	links := 0
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), c.Pod.Config.Metadata.Name+"_") {
			links++
		}
	}
	if links != 1 {
		t.Errorf("the container has %d legacy links", links)
	}
	if target, err := os.Readlink(legacyLink(kubelet, c)); err != nil || target != c.LogPath() {
		t.Errorf("the legacy link leads to %q: %v", target, err)
	}
}

// checkClean waits until kubelet has removed the oldest dead container. Not one file of
// that attempt is left, and those of the next, which is dead too, are all there.
func checkClean(t *testing.T, kubelet *testbed.Kubelet, pod testbed.StaticPod, first *testbed.Container) {
	t.Helper()
	dir := filepath.Dir(first.LogPath())
	rotated := false
	eventually(t, func(ctx context.Context) error {
		rotated = rotated || len(rotatedNames(t, first.LogPath())) > 0
		containers, err := kubelet.Containers(ctx, pod)
		if err != nil {
			return err
		}
		for _, c := range containers {
			if c.ID == first.ID {
				return errors.New("kubelet has not yet removed the first container")
			}
		}
		return nil
	})
	if !rotated {
		t.Error("the first container's log was never rotated, so its removal shows nothing")
	}
	if left := attempts(t, dir)[0]; left > 0 {
		t.Errorf("kubelet has removed attempt 0 and left %d of its files", left)
	}
	// It is looked at again when a file was just being compressed. Kubelet makes the next
	// attempt wait for ten seconds, and removes this one after that.
	eventually(t, func(context.Context) error {
		found, err := testbed.Verify(filepath.Join(dir, "1.log"))
		if err == nil {
			err = found.Complete("stdout")
		}
		return err
	})
}

// attempts are the numbers of files by attempt.
func attempts(t *testing.T, dir string) map[int]int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]int{}
	name := regexp.MustCompile(`^(\d+)\.log(\..*)?$`)
	for _, e := range entries {
		parts := name.FindStringSubmatch(e.Name())
		if parts == nil {
			t.Errorf("%q is no name that kubelet counts by", e.Name())
			continue
		}
		attempt, err := strconv.Atoi(parts[1])
		if err != nil {
			t.Fatal(err)
		}
		found[attempt]++
	}
	return found
}

// checkRestartCount takes the runtime's memory of a pod away while kubelet is down, and
// the current logs, so that only rotated files tell of its last attempt.
func checkRestartCount(t *testing.T, kubelet *testbed.Kubelet, pod testbed.StaticPod, dir string) {
	t.Helper()
	if err := kubelet.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	containers, err := kubelet.Containers(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range containers {
		if err := c.Pod.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	last := 0
	for attempt := range attempts(t, dir) {
		if len(rotatedNames(t, filepath.Join(dir, strconv.Itoa(attempt)+".log"))) > 0 {
			last = max(last, attempt)
		}
	}
	for attempt := range attempts(t, dir) {
		current := filepath.Join(dir, strconv.Itoa(attempt)+".log")
		if attempt < last {
			continue
		}
		if err := os.Remove(current); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if last == 0 {
		t.Fatal("no attempt but the first has a rotated file")
	}
	if err := kubelet.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	next, err := kubelet.Running(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	if got := int(next.Config.Metadata.Attempt); got != last+1 {
		t.Errorf("after attempt %d comes attempt %d", last, got)
	}
}

// checkGarbageCollection waits until kubelet has removed the directory of a deleted pod,
// as it does every minute.
func checkGarbageCollection(t *testing.T, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	err := testbed.Until(ctx, func(context.Context) error {
		_, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err == nil:
			return errors.New("the directory of the deleted pod is still there")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
