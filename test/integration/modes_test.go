package integration

import (
	"maps"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// A node goes from one mode to the next and back under a real kubelet and pods that flood.
// In each mode just its own work is done; in the end no line is lost, and no container was
// restarted.
func TestModesInTurn(t *testing.T) {
	t.Parallel()
	for _, pair := range kubeletPairs() {
		t.Run(pair.String(), func(t *testing.T) {
			t.Parallel()
			pair.enterModesInTurn(t)
		})
	}
}

func (p kubeletPair) enterModesInTurn(t *testing.T) {
	t.Helper()
	const limit = 256 << 10
	n := p.startNode(t, func(c *config.Configuration) {
		c.Mode = config.ModeObserve
		c.Rotation.MaxSize = limit
		c.Rotation.MaxFiles = 100_000
		c.Rotation.CompressAfter = time.Second
	})
	flooding, writer := runStatic(t, n.kubelet, "flooding", "Always", "seqwriter", "-stream=both", "-rate=300000")
	pods := []testbed.StaticPod{flooding}
	before := n.containers(t, pods)

	metricAtLeast(t, n.shim, 4, "cri_logshim_observed_rotations_total")
	if names := rotatedNames(t, writer.LogPath()); len(names) > 0 {
		t.Errorf("in mode observe there are rotated files: %q", names)
	}
	n.enter(t, config.ModeManage)
	rotatesAt(t, writer.LogPath(), limit)
	n.passes(t, false)
	n.enter(t, config.ModeProxy)
	n.lead(t, n.shim.Config.Listen, pods)
	rotatesAt(t, writer.LogPath(), limit)
	n.passes(t, true)
	n.lead(t, n.containerd.Endpoint(), pods)
	n.enter(t, config.ModeManage)
	rotatesAt(t, writer.LogPath(), limit)
	n.passes(t, false)
	if err := exists(legacyLink(n.kubelet, writer)); err != nil {
		t.Error(err)
	}

	if after := n.containers(t, pods); !maps.Equal(before, after) {
		t.Errorf("the modes have changed the containers from\n%v to\n%v", before, after)
	}
	if err := n.kubelet.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	writer = n.current(t, flooding) // by a client that there still is
	if err := writer.Stop(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	exited(t, writer)
	found := complete(t, n.shim, writer.LogPath(), "stdout", "stderr")
	t.Logf("%d files of %d MB", found.Files, found.Bytes/1_000_000)
}

// enter restarts the shim in another mode.
func (n *kubeletNode) enter(t *testing.T, mode config.Mode) {
	t.Helper()
	n.shim.Config.Mode = mode
	n.restart(t, 's', true)
}

// passes checks whether kubelet's calls come through the shim since that was started.
func (n *kubeletNode) passes(t *testing.T, want bool) {
	t.Helper()
	calls, err := n.shim.Metric(t.Context(), "grpc_server_handled_total")
	if err != nil {
		t.Fatal(err)
	}
	if calls > 0 != want {
		t.Errorf("mode %s: %v calls have come through the shim", n.shim.Config.Mode, calls)
	}
}
