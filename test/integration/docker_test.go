package integration

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// newDockershim starts a Docker with the real dockershim before it.
func newDockershim(t *testing.T, o testbed.DockershimOptions) *testbed.Dockershim {
	t.Helper()
	dockershim, err := testbed.NewDockershim(t.Context(), programs, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log of dockershim ends with:\n%s", dockershim.Log())
			t.Logf("the log of dockerd ends with:\n%s", dockershim.Docker.Log())
		}
		if err := dockershim.Close(); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return dockershim
}

// A pod's whole life, seen by a client of the shim, is the life that a client of dockershim
// sees, and who asks for the newer name of the API is told the same.
func TestLifeOfAPodOfDockerIsTheSameThroughTheShim(t *testing.T) {
	t.Parallel()
	dockershim := newDockershim(t, testbed.DockershimOptions{})
	shim, _ := newShim(t, dockershim, nil)
	config := dockershim.PodConfig("default", "life")
	for _, container := range []string{"app", "greeter"} { // dockershim leaves their directories to its caller
		if err := os.MkdirAll(filepath.Join(config.LogDirectory, container), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, api := range apis() {
		t.Run(api.name, func(t *testing.T) {
			const port = 0 // dockershim forwards with socat, and in the view of its own processes
			seen := twoLives(t, api, config, port, dockershim.Endpoint(), shim.Config.Listen)
			same(t, seen[0], seen[1])
			checkLife(t, seen[0], missing["dockershim "+api.name], api.name == "v1alpha2")
		})
	}
}
