package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

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

// becomesComplete waits until a log of Docker's is complete, as told of it, while its container
// still runs: Docker loses what it has not read of a container's output two seconds after the
// end, as happens where it has to wait for a processor.
func becomesComplete(t *testing.T, c *testbed.Container, complete func(testbed.Verification) error) (found testbed.Verification) {
	t.Helper()
	var before int64
	eventually(t, func(context.Context) error {
		info, err := os.Stat(c.LogPath())
		if err != nil {
			return err
		}
		if size := info.Size(); size != before { // all of it is too much to be read again for each line
			before = size
			return fmt.Errorf("%q is being written to", c.LogPath())
		}
		if found, err = testbed.Verify(c.LogPath()); err == nil {
			err = complete(found)
		}
		return err
	})
	return found
}

// bothStreams are complete where nothing is missing.
func bothStreams(v testbed.Verification) error { return v.Complete("stdout", "stderr") }

// tell makes a file in a container that waits for it.
func tell(t *testing.T, client *testbed.Client, c *testbed.Container, file string) {
	t.Helper()
	done, err := client.ExecSync(t.Context(), &runtimeapi.ExecSyncRequest{ContainerId: c.ID, Cmd: []string{"touch", file}, Timeout: 60})
	if err != nil || done.ExitCode != 0 {
		t.Fatalf("make %q in a container: %v, %v", file, done, err)
	}
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
