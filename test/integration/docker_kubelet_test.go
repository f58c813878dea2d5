package integration

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// dockerNode is a kubelet of Docker's days with the shim between it and dockershim.
type dockerNode struct {
	kubeletNode
	docker *testbed.Docker
}

// startDockerNode starts one that sees its folders of logs where kubelet has them.
func startDockerNode(t *testing.T) *dockerNode {
	t.Helper()
	dockershim := newDockershim(t, testbed.DockershimOptions{VarLog: true})
	n := &dockerNode{docker: dockershim.Docker}
	n.shim, _ = newShim(t, dockershim, nil)
	logs := testbed.DefaultContainerLogs()
	logs.MaxSize = "64Ki" // it tries in vain to rotate what is larger, and puts the link back
	n.kubelet = startKubelet(t, dockershim, testbed.KubeletOptions{Version: testbed.OldestKubelet, Endpoint: n.shim.Endpoint(), Logs: logs})
	return n
}

// A pod lives its whole life on Docker, under a kubelet of Docker's days with the shim between
// the two: each attempt has its own chain of links to Docker's file, kubelet reads from it all
// that was written, and pod, logs and links go.
func TestKubeletOnDocker(t *testing.T) {
	t.Parallel()
	n := startDockerNode(t)
	// Docker cuts what has no end of line every 16 KiB.
	const long = 50_000
	script := fmt.Sprintf("seq 1 2000; head -c %d /dev/zero | tr '\\0' x; echo; echo the end; exit 3", long)
	said := numbers(2000) + strings.Repeat("x", long) + "\nthe end\n"
	crashing := testbed.StaticPod{Name: "crashing", Restart: "Always", Command: []string{"sh", "-c", script}}
	steady := testbed.StaticPod{Name: "steady", Restart: "Never", Command: []string{"sh", "-c", "seq 1 2000; exec sleep 1000000"}}
	n.run(t, []testbed.StaticPod{crashing, steady})
	if _, err := n.kubelet.Running(t.Context(), steady); err != nil {
		t.Fatal(err)
	}
	stays := n.current(t, steady)
	n.checkChain(t, stays)
	var attempts []*testbed.Container
	for attempt := range uint32(3) { // kubelet makes the second ten seconds after the first, and the third after twenty more
		c := n.await(t, crashing, attempt, runtimeapi.ContainerState_CONTAINER_EXITED)
		if c.Config.Metadata.Attempt != attempt {
			t.Fatalf("attempt %d came before %d was looked at", c.Config.Metadata.Attempt, attempt)
		}
		n.checkChain(t, c)
		n.checkRead(t, crashing, "", said)
		if attempt > 0 {
			n.checkRead(t, crashing, "?previous=true", said)
		}
		attempts = append(attempts, c)
	}
	n.checkRefusals(t)
	n.checkChain(t, stays)
	n.checkRead(t, steady, "", numbers(2000))
	for _, pod := range []testbed.StaticPod{crashing, steady} {
		if err := n.kubelet.Delete(pod); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range append(attempts, stays) {
		n.checkGone(t, c)
	}
}

// numbers are what seq prints.
func numbers(last int) string {
	var b strings.Builder
	for number := range last {
		fmt.Fprintln(&b, number+1)
	}
	return b.String()
}

// checkRefusals checks that kubelet, which wants to rotate, was told the runtime's own words.
func (n *dockerNode) checkRefusals(t *testing.T) {
	t.Helper()
	refused, err := n.kubelet.Logged(`desc = docker does not support reopening container log files`)
	if err != nil || len(refused) == 0 {
		t.Errorf("kubelet was not refused a reopen: %v", err)
	}
}

// checkChain waits until the links of a container lead through the pod's directory to the file
// that Docker writes, each to where it is to lead.
func (n *dockerNode) checkChain(t *testing.T, c *testbed.Container) {
	t.Helper()
	file, err := n.docker.LogFileOf(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func(context.Context) error {
		return errors.Join(leadsTo(legacyLink(n.kubelet, c), n.inside(c.LogPath())), leadsTo(c.LogPath(), file))
	})
	if info, err := os.Lstat(file); err != nil || !info.Mode().IsRegular() {
		t.Errorf("Docker's file of container %q: %v %v", c.Config.Metadata.Name, info, err)
	}
}

// inside is what kubelet calls a log.
func (n *dockerNode) inside(log string) string {
	return filepath.Join("/var/log/pods", strings.TrimPrefix(log, n.kubelet.PodLogsDir))
}

// leadsTo is an error unless there is a link to a target, written in that way.
func leadsTo(link, target string) error {
	found, err := os.Readlink(link)
	if err == nil && found != target {
		err = fmt.Errorf("%q leads to %q instead of %q", link, found, target)
	}
	return err
}

// checkRead waits until kubelet's API tells what a pod's only container has written, and
// nothing else: it learns of a new attempt a while later.
func (n *dockerNode) checkRead(t *testing.T, pod testbed.StaticPod, query, want string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		read, err := n.kubelet.Get(ctx, logsOf(pod, testbed.AppContainer)+query)
		if err == nil && read != want {
			err = fmt.Errorf("kubelet has read %d bytes of %q instead of %d: %.200q", len(read), pod.Name+query, len(want), read)
		}
		return err
	})
}

// checkGone waits until there is nothing left of a container of a deleted pod.
func (n *dockerNode) checkGone(t *testing.T, c *testbed.Container) {
	t.Helper()
	checkGarbageCollection(t, c.Pod.Config.LogDirectory)
	eventually(t, func(ctx context.Context) error {
		if _, err := n.docker.LogFileOf(ctx, c.ID); err == nil {
			return fmt.Errorf("docker still has container %q", c.ID)
		}
		if _, err := os.Lstat(legacyLink(n.kubelet, c)); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the legacy link of container %q: %w", c.ID, err)
		}
		return nil
	})
}
