package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// What a user does with kubectl works through the shim: every command that goes to a
// node's kubelet, and from there to the runtime, does what it does without the shim.
//
// All is done twice, on pods that kubelet has run through the shim and, as a control, on
// the same pods that it has run on containerd itself. Logs that nobody writes any more are
// read again without the shim, byte for byte, and what the API server was told of either
// pods is compared.
func TestKubectl(t *testing.T) {
	t.Parallel()
	onNewest(t, func(t *testing.T, containerd *testbed.Containerd) {
		shim, _ := newShim(t, containerd, func(c *config.Configuration) {
			keepAll(c)
			c.Rotation.MaxSize = 512 << 10
		})
		n := newKubectlNode(t, containerd, shim.Config.Listen, nil)
		n.runPods(t, throughShim)
		n.checkAll(t, throughShim)
		read, told := n.readLogs(t, throughShim), n.nodeWarnings(t)

		n.use(t, containerd.Endpoint())
		if err := shim.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		for command, before := range read {
			if now := n.kubectl(t, command); now != before {
				t.Errorf("kubectl %s answers otherwise without the shim: %s", command, difference(before, now))
			}
		}
		n.runPods(t, bare)
		n.checkAll(t, bare)
		n.compareTold(t, told)
	})
}

// way is how kubelet has run a pod, and what its pods' names begin with.
type way string

const (
	throughShim way = "shim-"
	bare        way = "bare-"
)

// kubectlNode is a cluster of one node.
type kubectlNode struct {
	*testbed.Cluster
	kubelet *testbed.Kubelet
}

// newKubectlNode starts an API server in a network, and a kubelet that is its node and speaks to an
// endpoint.
func newKubectlNode(t *testing.T, containerd *testbed.Containerd, endpoint string, network *testbed.Network) *kubectlNode {
	t.Helper()
	cluster, err := testbed.NewCluster(t.Context(), containerd, programs, network)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the API server's log ends with:\n%s", cluster.Log())
		}
		if err := cluster.Close(); err != nil {
			t.Errorf("end the cluster: %v", err)
		}
	})
	kubelet := startKubelet(t, containerd, testbed.KubeletOptions{
		Endpoint: endpoint, Logs: testbed.LeftToTheShim(), Kubeconfig: cluster.Kubeconfig, Network: network,
	})
	return &kubectlNode{Cluster: cluster, kubelet: kubelet}
}

// use leads kubelet to another endpoint, and waits until it knows its pods, which live on.
func (n *kubectlNode) use(t *testing.T, endpoint string) {
	t.Helper()
	if err := errors.Join(n.kubelet.Stop(t.Context()), n.kubelet.Use(endpoint)); err != nil {
		t.Fatal(err)
	}
	if err := n.kubelet.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		for _, pod := range podsOf(throughShim) {
			status, err := n.kubelet.Get(ctx, fmt.Sprintf("/containerLogs/%s/%s/%s?tailLines=1", testbed.Namespace, pod.Name, pod.FirstContainer()))
			if err != nil {
				return fmt.Errorf("%w: %s", err, status)
			}
		}
		return nil
	})
}

// podsOf are the pods that the checks are about. What is to be read from a log that stands
// still is said after everything else, when a file that had to be rotated is.
func podsOf(w way) []testbed.StaticPod {
	const wait = "until [ -e /tmp/%[1]s ]; do usleep 20000; done; "
	script := func(text string) []string { return []string{"sh", "-c", text} }
	said := fmt.Sprintf(wait+"echo said; ", "say")
	return []testbed.StaticPod{
		{Name: string(w) + "still", Restart: "Never", Containers: []testbed.StaticContainer{
			{Name: "small", Command: []string{"seqwriter", "-stream=both", "-count=500", "-rate=40000", "-stay"}},
			{Name: "rotated", Command: script("seqwriter -rate=1000000 -duration=3s; " + said + "exec sleep 1000000")},
		}},
		{Name: string(w) + "crashing", Restart: "Always", Command: script("seqwriter -count=5000; " + said + fmt.Sprintf(wait, "end") + "exit 7")},
		{Name: string(w) + "followed", Restart: "Never", Command: script("echo ready; " + fmt.Sprintf(wait, "go") + "exec seqwriter -rate=500000 -duration=6s -stay")},
		{Name: string(w) + "shell", Restart: "Never", Containers: []testbed.StaticContainer{
			{Name: testbed.AppContainer, Command: []string{"sleep", "1000000"}},
			{Name: "reader", Command: script(`while read line; do echo "got $line"; done`), Stdin: true},
		}},
	}
}

// runPods runs the pods and waits until they run.
func (n *kubectlNode) runPods(t *testing.T, w way) {
	t.Helper()
	for _, pod := range podsOf(w) {
		if err := n.Create(t.Context(), pod); err != nil {
			t.Fatal(err)
		}
	}
	for _, pod := range podsOf(w) {
		n.waitReady(t, pod.Name, 0)
	}
}

// waitReady waits until the containers of a pod are ready in their attempt of a number,
// and returns what the API server then knows.
func (n *kubectlNode) waitReady(t *testing.T, pod string, attempt int) testbed.PodStatus {
	t.Helper()
	var found testbed.PodStatus
	eventually(t, func(ctx context.Context) error {
		var err error
		if found, err = n.Pod(ctx, pod); err != nil {
			return err
		}
		if len(found.Status.ContainerStatuses) == 0 {
			return fmt.Errorf("pod %q is %s and has no container", pod, found.Status.Phase)
		}
		for _, c := range found.Status.ContainerStatuses {
			if !c.Ready || c.RestartCount != attempt {
				return fmt.Errorf("pod %q has %+v", pod, c)
			}
		}
		return nil
	})
	return found
}

// checkAll is what a user does with kubectl.
func (n *kubectlNode) checkAll(t *testing.T, w way) {
	t.Helper()
	for _, check := range []struct {
		name string
		run  func(*testing.T, way)
	}{
		{"logs", n.checkLogs},
		{"previous", n.checkPrevious},
		{"follow", n.checkFollow},
		{"exec", n.checkExec},
		{"terminal", n.checkTerminal},
		{"attach", n.checkAttach},
		{"port-forward", n.checkPortForward},
		{"cp", n.checkCopy},
	} {
		t.Run(string(w)+check.name, func(t *testing.T) { check.run(t, w) })
	}
}

// logFile is the current log of an attempt of a container.
func (n *kubectlNode) logFile(t *testing.T, pod, container string, attempt int) string {
	t.Helper()
	status, err := n.Pod(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	dir := fmt.Sprintf("%s_%s_%s", testbed.Namespace, pod, status.Metadata.UID)
	return filepath.Join(n.kubelet.PodLogsDir, dir, container, fmt.Sprintf("%d.log", attempt))
}

// kubectl runs a command that must succeed without a word of warning, and returns its
// output.
func (n *kubectlNode) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	if len(args) == 1 {
		args = fields(args[0])
	}
	ctx, cancel := context.WithTimeout(t.Context(), commandTime)
	defer cancel()
	cmd := n.Kubectl(ctx, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("kubectl %q: %v, it says %q", args, err, &stderr)
	}
	return string(out)
}

// commandTime is enough for any command on a busy machine.
const commandTime = time.Minute

// difference tells where two texts begin to differ.
func difference(a, b string) string {
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	return fmt.Sprintf("%d and %d bytes, from byte %d: %.120q and %.120q", len(a), len(b), at, a[at:], b[at:])
}
