package integration

import (
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/criruntime"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// What the log manager relies on is so of the real runtime, in every version of CRI that it
// speaks; the fake that its own tests use passes the same suite.
func TestRuntimeConforms(t *testing.T) {
	onEach(t, func(t *testing.T, containerd *testbed.Containerd) {
		client, err := containerd.Dial()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := client.Close(); err != nil {
				t.Error(err)
			}
		})
		runtimetest.Conform(t, runtimetest.Env{
			Runtime:    criruntime.New(client.Conn),
			PodLogsDir: containerd.PodLogsDir,
			Run: func(t *testing.T) runtimetest.Instance {
				t.Helper()
				pod := containerd.PodConfig("default", "conform")
				// The last ones are not the log manager's business.
				pod.Labels["team"] = "web"
				pod.Annotations = map[string]string{"cri-logshim.io/maxFiles": "7", "example.com/maxFiles": "8", "b.cri-logshim.io/maxFiles": "9"}
				writer := runWriter(t, client, pod, "-stream=both", "-rate=200000")
				return runtimetest.Instance{
					Facts: logmgr.Container{
						ID:        writer.ID,
						SandboxID: writer.Pod.ID,
						Namespace: "default",
						Pod:       "conform",
						PodUID:    pod.Metadata.Uid,
						Name:      "app",
						PodLabels: map[string]string{"team": "web"}, PodAnnotations: map[string]string{"cri-logshim.io/maxFiles": "7"},
						LogPath: writer.LogPath(),
						State:   logmgr.StateRunning,
					},
					Stop: func(t *testing.T) {
						t.Helper()
						if err := writer.Stop(t.Context(), time.Minute); err != nil {
							t.Fatal(err)
						}
						if _, err := writer.WaitState(t.Context(), runtimeapi.ContainerState_CONTAINER_EXITED); err != nil {
							t.Fatal(err)
						}
					},
					Remove: func(t *testing.T) {
						t.Helper()
						if err := writer.Remove(t.Context()); err != nil {
							t.Fatal(err)
						}
					},
				}
			},
		})
	})
}
