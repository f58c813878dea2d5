package integration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// checkRestarts restarts shim, kubelet and containerd right after one another in every
// order, first as a service manager does and then by killing them. Every container that
// ran runs on in the same attempt, none is added, and every log goes on to be rotated; no
// line of the flooding one is missing but those that containerd had in its hands.
func checkRestarts(t *testing.T, n *kubeletNode, pods kubeletPods) {
	t.Helper()
	before := n.containers(t, pods.lasting())
	for _, gently := range []bool{true, false} {
		for i, who := range "skcskscks" { // among its neighbours are all six orders
			n.restart(t, who, gently)
			if i%3 == 2 {
				n.answersFor(t, pods.lasting())
				n.rotatesOn(t, pods)
			}
		}
	}
	if after := n.containers(t, pods.lasting()); !maps.Equal(before, after) {
		t.Errorf("restarts have changed the containers from\n%v to\n%v", before, after)
	}
	checkFlooding(t, n, pods.flooding)
}

// containers tell what containers pods have, with their attempts and states, by id.
func (n *kubeletNode) containers(t *testing.T, pods []testbed.StaticPod) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pod := range pods {
		containers, err := n.kubelet.Containers(t.Context(), pod)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range containers {
			status, err := c.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			found[c.ID] = fmt.Sprintf("%s/%s, attempt %d, %v", pod.Name, status.Metadata.Name, status.Metadata.Attempt, status.State)
		}
	}
	return found
}

// restart ends one of the three and starts it again, and waits until it serves.
func (n *kubeletNode) restart(t *testing.T, who rune, gently bool) {
	t.Helper()
	type steps struct{ stop, kill, start func(context.Context) error }
	do := map[rune]steps{
		's': {n.shim.Stop, func(context.Context) error { return n.shim.Kill() }, n.shim.Start},
		'k': {n.kubelet.Stop, n.kubelet.Kill, n.kubelet.Start},
		'c': {n.containerd.Stop, n.containerd.Kill, n.containerd.Start},
	}[who]
	end := do.kill
	if gently {
		end = do.stop
	}
	if err := errors.Join(end(t.Context()), do.start(t.Context())); err != nil {
		t.Fatalf("restart %c, gently: %t: %v", who, gently, err)
	}
	if who == 'c' { // a kubelet that is started in the moment in which the shim has no runtime yet ends
		client, err := n.shim.Dial()
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, func(ctx context.Context) error {
			_, err := client.Version(ctx, &runtimeapi.VersionRequest{})
			return err
		})
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
}

// rotatesOn waits until every log that is written to has been rotated once more.
func (n *kubeletNode) rotatesOn(t *testing.T, pods kubeletPods) {
	t.Helper()
	var logs []string
	for _, pod := range []testbed.StaticPod{pods.chatty, pods.flooding, pods.several} {
		for _, name := range namesOf(pod) {
			c, err := n.kubelet.RunningContainer(t.Context(), pod, name)
			if err != nil {
				t.Fatal(err)
			}
			logs = append(logs, c.LogPath())
		}
	}
	before := make([]int, len(logs))
	for i, log := range logs {
		before[i] = len(rotatedNames(t, log))
	}
	eventually(t, func(context.Context) error {
		for i, log := range logs {
			if len(rotatedNames(t, log)) <= before[i] {
				return fmt.Errorf("%q has not been rotated again", log)
			}
		}
		return nil
	})
}

// checkFlooding ends the flooding container and looks for each of its lines. A containerd
// that ends takes with it what it has read and not yet written, also if it ends gently.
func checkFlooding(t *testing.T, n *kubeletNode, pod testbed.StaticPod) {
	t.Helper()
	if err := n.kubelet.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := n.current(t, pod)
	if err := c.Stop(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := c.WaitState(t.Context(), runtimeapi.ContainerState_CONTAINER_EXITED); err != nil {
		t.Fatal(err)
	}
	if err := n.shim.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	found, err := testbed.Verify(c.LogPath())
	if err != nil {
		t.Fatal(err)
	}
	checkSurvivor(t, found, 4, "stdout")
	if theirs := kubeletRotated(t, c.LogPath()); theirs > 0 {
		t.Errorf("kubelet, which was told to leave it, has rotated %d times", theirs)
	}
	t.Logf("%d files, %v", found.Files, found.Streams["stdout"])
}
