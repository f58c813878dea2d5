package integration

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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
	crashing := testbed.StaticPod{Name: "crashing", Restart: "OnFailure", Command: []string{"sh", "-c", sayUntilTold}, Scratch: "/scratch"}
	steady := testbed.StaticPod{Name: "steady", Restart: "Never", Command: []string{"sh", "-c", "seq 1 2000; exec sleep 1000000"}}
	n.run(t, []testbed.StaticPod{crashing, steady})
	if _, err := n.kubelet.Running(t.Context(), steady); err != nil {
		t.Fatal(err)
	}
	stays := n.current(t, steady)
	n.checkChain(t, stays)
	const last = 2
	var attempts []*testbed.Container
	for attempt := range uint32(last + 1) {
		c := n.await(t, crashing, attempt, runtimeapi.ContainerState_CONTAINER_RUNNING)
		if c.Config.Metadata.Attempt != attempt {
			t.Fatalf("attempt %d was made while attempt %d had not been told to end", c.Config.Metadata.Attempt, attempt)
		}
		n.checkChain(t, c)
		n.checkRead(t, crashing, "", said(attempt))
		if attempt > 0 {
			n.checkChain(t, attempts[attempt-1])
			n.checkRead(t, crashing, "?previous=true", said(attempt-1))
		}
		attempts = append(attempts, c)
		n.end(t, c, attempt < last)
	}
	ended := attempts[last] // with success, so there is no further attempt
	n.checkChain(t, ended)
	n.checkRead(t, crashing, "", said(last)) // kubelet may have removed the one before by now
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

// sayUntilTold is a script that says what said is, and then waits for the code to exit with:
// its attempts are as long as a test needs to look at each. Every attempt waits at a pipe of
// its own, named by its number.
const sayUntilTold = `
n=0; while ! mkfifo /scratch/$n; do n=$((n+1)); done 2>/dev/null
echo attempt $n; seq 1 2000; head -c 50000 /dev/zero | tr '\0' x; echo; echo the end
read code </scratch/$n; exit $code`

// said is what an attempt of sayUntilTold says. Docker cuts what has no end of line every
// 16 KiB.
func said(attempt uint32) string {
	return fmt.Sprintf("attempt %d\n%s%s\nthe end\n", attempt, numbers(2000), strings.Repeat("x", 50_000))
}

// end tells an attempt of sayUntilTold to end, with an error or without, and waits until it
// has.
func (n *dockerNode) end(t *testing.T, c *testbed.Container, fails bool) {
	t.Helper()
	code := "0\n"
	if fails {
		code = "3\n"
	}
	pipe := filepath.Join(n.kubelet.Root(), "pods", c.Pod.Config.Metadata.Uid, "volumes/kubernetes.io~empty-dir/scratch", fmt.Sprint(c.Config.Metadata.Attempt))
	eventually(t, func(context.Context) error { // it cannot be opened so until the attempt reads from it
		file, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		_, err = file.WriteString(code)
		return errors.Join(err, file.Close())
	})
	exited(t, c)
}

// numbers are what seq prints.
func numbers(last int) string {
	var b strings.Builder
	for number := range last {
		fmt.Fprintln(&b, number+1)
	}
	return b.String()
}

// checkRefusals waits until kubelet, which wants to rotate, was told the runtime's own words.
func (n *dockerNode) checkRefusals(t *testing.T) {
	t.Helper()
	eventually(t, func(context.Context) error { // it tries every ten seconds
		refused, err := n.kubelet.Logged(`desc = docker does not support reopening container log files`)
		if err == nil && len(refused) == 0 {
			err = errors.New("kubelet was not refused a reopen")
		}
		return err
	})
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
