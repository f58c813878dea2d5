package integration

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// A containerd of the testbed may be stopped, killed and started again under a pod that
// writes, and its log then holds every line that no containerd took with it.
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
		checkSurvivor(t, found, 2, "stdout", "stderr")
	})
}

// A test that is killed leaves no process, neither its containerd, nor a pod, nor a shim; the
// folders and cgroups that it leaves go with the next run.
func TestNothingOutlivesAKilledTest(t *testing.T) {
	if os.Getenv(helperVariable) != "" {
		beKilled(t)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), helperVariable+"=1", "TMPDIR="+t.TempDir())
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	dir, said := "", bufio.NewScanner(output)
	for dir == "" && said.Scan() {
		dir = first(said.Text(), `^made (\S+)$`)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil || dir == "" {
		t.Fatalf("the helper ended with %v and made %q", err, dir)
	}
	nobodyIn(t, dir)
	if err := testbed.SweepAbandoned(); err != nil {
		t.Error(err)
	}
	for _, left := range []string{dir, "/sys/fs/cgroup/pids/" + filepath.Base(dir), "/sys/fs/cgroup/" + filepath.Base(dir)} {
		if err := absent(left); err != nil {
			t.Error(err)
		}
	}
	if err := exists(filepath.Dir(programs.Shim)); err != nil {
		t.Errorf("what lives is swept as well: %v", err)
	}
}

// helperVariable is set for a test that is to be killed.
const helperVariable = "CRI_LOGSHIM_TEST_IS_TO_BE_KILLED"

// beKilled makes everything that a test makes, and waits.
func beKilled(t *testing.T) {
	t.Helper()
	install, err := testbed.Installed(testbed.Newest)
	if err != nil {
		t.Fatal(err)
	}
	containerd, err := testbed.New(t.Context(), install, programs)
	if err != nil {
		t.Fatal(err)
	}
	_, client := newShim(t, containerd, nil)
	runWriter(t, client, containerd.PodConfig("default", "writer"), "-rate", "1000")
	fmt.Println("made", containerd.Dir)
	<-t.Context().Done()
}
