package integration

import (
	"testing"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// What somebody annotates a pod with while it runs comes with its next container and is
// unknown to the runtime. The limit is that of the sandbox, as the container is made, after
// a restart of the shim, and in what explain shows.
func TestLimitsAreTheSandboxes(t *testing.T) {
	const limit = 400 << 10
	onBoth(t, func(t *testing.T, containerd *testbed.Containerd) {
		shim, client := newShim(t, containerd, func(c *config.Configuration) { keepAll(c); c.Rotation.MaxSize = 1 << 40 })
		sandbox := containerd.PodConfig("default", "annotated")
		sandbox.Annotations = map[string]string{"cri-logshim.io/maxSize": "400Ki"}
		pod, err := client.RunPod(t.Context(), sandbox)
		if err != nil {
			t.Fatal(err)
		}
		pod.Config.Annotations = map[string]string{"cri-logshim.io/maxSize": "1600Ki"}
		writer, err := pod.Run(t.Context(), testbed.ContainerConfig("app", 0, "seqwriter", "-rate=1000000"))
		if err != nil {
			t.Fatal(err)
		}
		rotatesAt(t, writer.LogPath(), limit)
		if err := shim.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := shim.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		rotatesAt(t, writer.LogPath(), limit)
		explains(t, shim, "default/annotated", "maxSize 400Ki annotation cri-logshim.io/maxSize")
	})
}
