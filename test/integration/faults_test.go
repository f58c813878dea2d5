package integration

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// faultyNode is a real kubelet before a shim before a containerd. One pod of it writes all the
// time, and is not to notice anything.
type faultyNode struct {
	containerd *testbed.Containerd
	shim       *testbed.Shim
	kubelet    *testbed.Kubelet
	steady     *testbed.Container
}

// newFaultyNode starts a node whose shim speaks to containerd at an endpoint; empty: its
// own.
func newFaultyNode(t *testing.T, containerd *testbed.Containerd, endpoint string) *faultyNode {
	t.Helper()
	n := &faultyNode{containerd: containerd}
	n.shim, _ = newShim(t, containerd, func(c *config.Configuration) {
		keepAll(c)
		c.Rotation.MaxSize = 64 << 10
		c.Links.LegacyDir = containerd.LegacyDir()
		if endpoint != "" {
			c.RuntimeEndpoint = endpoint
		}
	})
	n.kubelet = startKubelet(t, containerd, testbed.KubeletOptions{
		Endpoint: n.shim.Config.Listen, Logs: testbed.LeftToTheShim(), FeatureGates: map[string]bool{"EventedPLEG": true},
	})
	_, n.steady = runStatic(t, n.kubelet, "steady", "Always", "seqwriter", "-rate=100000", "-duration=10m")
	return n
}

// isSteady checks that the pod which is not to notice anything still runs in its first
// container, and that its log goes on being rotated.
func (n *faultyNode) isSteady(t *testing.T) {
	t.Helper()
	before := len(rotatedNames(t, n.steady.LogPath()))
	eventually(t, func(ctx context.Context) error {
		status, err := n.steady.Status(ctx)
		switch now := len(rotatedNames(t, n.steady.LogPath())); {
		case err != nil:
			return err
		case status.FinishedAt != 0:
			return fmt.Errorf("the container has ended: %v", status)
		case now < before+2:
			return fmt.Errorf("the log has been rotated %d times", now-before)
		}
		return nil
	})
}

// leavesNothing waits until nothing is left of pods that were deleted: no directory, no
// link, and no log in the shim's memory but the steady pod's.
func (n *faultyNode) leavesNothing(t *testing.T, pods ...testbed.StaticPod) {
	t.Helper()
	for _, pod := range pods {
		if err := n.kubelet.Delete(pod); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // kubelet looks once a minute
	defer cancel()
	err := testbed.Until(ctx, func(ctx context.Context) error {
		for _, pod := range pods {
			for _, dir := range []string{n.kubelet.PodLogsDir, n.kubelet.LegacyDir, n.shim.Config.KeepDir} {
				if left, err := namesWith(dir, pod.FullName()); err != nil || len(left) > 0 {
					return fmt.Errorf("%q are left in %q: %w", left, dir, err)
				}
			}
			if containers, err := n.kubelet.Containers(ctx, pod); err != nil || len(containers) > 0 {
				return fmt.Errorf("%d containers are left of %q: %w", len(containers), pod.Name, err)
			}
		}
		managed, err := n.shim.Metric(ctx, "cri_logshim_logs_managed")
		if err == nil && managed != 1 {
			err = fmt.Errorf("the shim manages %v logs", managed)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// namesWith are the names in a folder that have a text in them.
func namesWith(dir, text string) (found []string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), text) {
			found = append(found, e.Name())
		}
	}
	return found, err
}

// isComplete checks that no line of a container's log is lost, doubled or moved, while it
// may still be rotated.
func isComplete(t *testing.T, log string) {
	t.Helper()
	eventually(t, func(context.Context) error {
		found, err := testbed.Verify(log)
		if err == nil {
			err = found.Complete("stdout")
		}
		return err
	})
}
