package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/logreader/nodelogs"
	"github.com/cri-logshim/cri-logshim/logreader/nodelogs/nodelogstest"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// kubectl logshim shows from a desk what cri-logshim logs shows on the node, through a real API server
// and kubelet, to whoever may, and says what is wrong otherwise.
func TestPlugin(t *testing.T) {
	t.Parallel()
	n := newPluginNode(t)
	n.runHistories(t)
	for _, check := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"kubelet's answers", n.checkAnswers},
		{"same as on the node", n.checkSame},
		{"follow", n.checkPluginFollow},
		{"permissions", n.checkPermissions},
		{"handlers off", n.checkHandlersOff},
	} {
		t.Run(check.name, check.run)
	}
}

// pluginNode is a node whose API server passes requests on to kubelet, and whose logs are below /var/log.
type pluginNode struct {
	*kubectlNode
	containerd *testbed.Containerd
	shim       *testbed.Shim
}

func newPluginNode(t *testing.T) *pluginNode {
	t.Helper()
	install, err := testbed.Installed(testbed.Newest)
	if err != nil {
		t.Fatal(err)
	}
	install.VarLog = true
	n := &pluginNode{}
	if n.containerd, err = testbed.New(t.Context(), install, programs); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.containerd.Close(); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	n.shim, _ = newShim(t, n.containerd, func(c *config.Configuration) {
		keepAll(c)
		c.Rotation.MaxSize = 256 << 10
		c.Rotation.KeepAfterRemoval = time.Hour
	})
	network, err := testbed.NewNetwork()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := network.Close(); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	n.kubectlNode = newKubectlNode(t, n.containerd, n.shim.Endpoint(), network)
	return n
}

const (
	restarted = "restarted" // a pod with two attempts
	removed   = "removed"   // a pod of which only logs are left
)

// runHistories makes the pods of which logs are shown, until nobody writes to these any more.
func (n *pluginNode) runHistories(t *testing.T) {
	t.Helper()
	pods := []testbed.StaticPod{
		{
			Name: restarted, Restart: "Always", Scratch: "/scratch",
			Command: []string{"sh", "-c", "seqwriter -stream=both -rate=1000000 -duration=2s; mkdir /scratch/crashed 2>/dev/null && exit 3; exec sleep 1000000"},
		},
		{Name: removed, Restart: "Never", Command: []string{"seqwriter", "-stream=both", "-rate=1000000", "-duration=2s", "-stay"}},
	}
	for _, pod := range pods {
		if err := n.Create(t.Context(), pod); err != nil {
			t.Fatal(err)
		}
	}
	n.waitReady(t, restarted, 1)
	n.waitHistory(t, restarted, 1)
	n.waitReady(t, removed, 0)
	n.waitHistory(t, removed, 0)
	n.remove(t, removed)
}

// waitHistory waits until a writer to both streams has written the last lines of an attempt, and all its rotated files
// are compressed but for the newest.
func (n *pluginNode) waitHistory(t *testing.T, pod string, attempt int) {
	t.Helper()
	log := n.logFile(t, pod, testbed.AppContainer, attempt)
	eventually(t, func(context.Context) error {
		text, err := os.ReadFile(log)
		if err != nil {
			return err
		}
		if strings.Count(string(text), " done ") < 2 {
			return fmt.Errorf("%q has not the last lines", log)
		}
		names, compressed := rotatedNames(t, log), 0
		for _, name := range names {
			if strings.HasSuffix(name, ".gz") {
				compressed++
			}
		}
		if len(names) < 3 || compressed < len(names)-1 {
			return fmt.Errorf("%q has %d rotated files, %d of them compressed", log, len(names), compressed)
		}
		return nil
	})
}

// remove deletes a pod and waits until nothing is left of it but kept logs.
func (n *pluginNode) remove(t *testing.T, pod string) {
	t.Helper()
	live := filepath.Dir(n.logFile(t, pod, testbed.AppContainer, 0))
	if err := n.Delete(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		if _, err := n.Pod(ctx, pod); !errors.Is(err, testbed.ErrNotFound) {
			return fmt.Errorf("pod %q is still there: %w", pod, err)
		}
		if _, err := os.Stat(live); !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%q is still there: %w", live, err)
		}
		return nil
	})
}

// logsShown is what a command has shown and told, and how it has ended.
type logsShown struct {
	code      exitcode.Code
	out, told string
}

func show(t *testing.T, cmd *exec.Cmd) logsShown {
	t.Helper()
	var out, told bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &told
	err := cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatalf("%q: %v", cmd.Args, err)
	}
	return logsShown{exitcode.Code(cmd.ProcessState.ExitCode()), out.String(), told.String()}
}

// fromAfar shows logs as kubectl logshim does.
func (n *pluginNode) fromAfar(t *testing.T, kubeconfig string, args ...string) logsShown {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandTime)
	defer cancel()
	return show(t, n.Logshim(ctx, programs, kubeconfig, append([]string{"logs"}, args...)...))
}

// onTheNode shows logs as cri-logshim does.
func (n *pluginNode) onTheNode(t *testing.T, args ...string) logsShown {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandTime)
	defer cancel()
	places := []string{"logs", "--pod-logs-dir", n.containerd.PodLogsDir, "--keep-dir", n.containerd.Outside(n.shim.Config.KeepDir)}
	return show(t, exec.CommandContext(ctx, programs.Shim, append(places, args...)...))
}

// checkSame compares what both show. It finds bytes that are lost or changed on their way through the API server,
// and files that one of the two does not know.
func (n *pluginNode) checkSame(t *testing.T) {
	t.Helper()
	middle, other := n.middle(t, restarted), n.middle(t, removed)
	for _, flags := range []string{
		restarted, restarted + " --timestamps", restarted + " -o json", restarted + " -o raw",
		restarted + " --tail 7", restarted + " --tail 12345 --timestamps", restarted + " --stream stderr -o json",
		restarted + " --since 1h", restarted + " --since-time " + middle, restarted + " --until " + middle,
		restarted + " --grep 77$|done -C 1 --timestamps", restarted + " --previous", restarted + " --previous --tail 3",
		restarted + " --attempt 0", restarted + " --all-containers --prefix --tail 5",
		removed, removed + " -o json", removed + " --tail 5", removed + " --since-time " + other, "default/" + removed + "/app --node localhost",
	} {
		args := fields(flags)
		local, _, _ := strings.Cut(flags, " --node")
		want, got := n.onTheNode(t, fields(local)...), n.fromAfar(t, n.Kubeconfig, args...)
		if want.code != 0 || want.out == "" || want.told != "" {
			t.Errorf("cri-logshim logs %s: code %d, %d bytes, it tells %q", flags, want.code, len(want.out), want.told)
		}
		search := args[0] == removed // which the API server does not know
		if got.code != 0 || got.out != want.out || search != strings.Contains(got.told, "looking for its logs on 1 nodes") || !search && got.told != "" {
			t.Errorf("kubectl logshim logs %s: code %d, it tells %q, it shows other than on the node: %s", flags, got.code, got.told, difference(got.out, want.out))
		}
	}
	for pod, writers := range map[string]int{restarted: 2, removed: 1} {
		c := counts{last: map[string]uint64{}, ends: map[string]int{}}
		for line := range strings.Lines(n.fromAfar(t, n.Kubeconfig, pod).out) {
			c.add(line, true)
		}
		c.complete(t, writers)
	}
}

// checkAnswers holds kubelet and API server to what the stand-in of the unit tests does.
func (n *pluginNode) checkAnswers(t *testing.T) {
	t.Helper()
	client, address := n.Client()
	defer client.CloseIdleConnections()
	server, err := nodelogs.NewServer(client, address, testbed.NodeName)
	if err != nil {
		t.Fatal(err)
	}
	nodelogstest.Conform(t, server, n.containerd.Outside("/var/log"))
}

// middle is a time at which a pod was writing.
func (n *pluginNode) middle(t *testing.T, pod string) string {
	t.Helper()
	lines := strings.Split(n.onTheNode(t, pod, "--timestamps").out, "\n")
	stamp, _, _ := strings.Cut(lines[len(lines)/3], " ")
	return stamp
}
