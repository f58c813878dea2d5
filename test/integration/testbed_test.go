package integration

import (
	"testing"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// A containerd of the testbed may be stopped, killed and started again under a pod that
// writes, and its log then holds every line.
func TestContainerdRestartsUnderItsPods(t *testing.T) {
	onBoth(t, func(t *testing.T, containerd *testbed.Containerd) {
		client, err := containerd.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		pod, err := client.RunPod(t.Context(), containerd.PodConfig("default", "writer"))
		if err != nil {
			t.Fatal(err)
		}
		writer, err := pod.Run(t.Context(), testbed.ContainerConfig("app", 0, "seqwriter", "-stream", "both", "-rate", "1000000", "-duration", "3s"))
		if err != nil {
			t.Fatal(err)
		}
		if err := containerd.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := containerd.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := containerd.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := containerd.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := writer.WaitState(t.Context(), runtimeapi.ContainerState_CONTAINER_EXITED); err != nil {
			t.Fatal(err)
		}
		found, err := testbed.Verify(writer.LogPath())
		if err != nil {
			t.Fatal(err)
		}
		if err := found.Complete("stdout", "stderr"); err != nil {
			t.Error(err)
		}
	})
}
