package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

const kubeletConfig = "/etc/kubernetes/config.json"

// One command leads a real kubelet under systemd through the shim and back, with the same
// containers running throughout. A kubelet that cannot get to the shim (here it does not see
// its folder) has its files back within the time that it is given, and is healthy without.
func TestNodeInstall(t *testing.T) {
	t.Parallel()
	m := newMachine(t, testbed.MachineOptions{Enabled: map[string]string{testbed.ContainerdUnit: "multi-user.target"}})
	bareNode(t, m)
	start(t, m, testbed.KubeletUnit)
	err := m.RunStatic(testbed.StaticPod{Name: "writer", Command: []string{"seqwriter", "-rate=100000", "-stay"}, Restart: "Always"})
	if err != nil {
		t.Fatal(err)
	}
	var pods []string
	eventually(t, func(ctx context.Context) error {
		pods, err = runningContainers(ctx, m)
		if err == nil && len(pods) != 1 {
			err = fmt.Errorf("%d containers run", len(pods))
		}
		return err
	})
	dropIn := "/etc/systemd/system/" + testbed.KubeletUnit + ".d/test.conf"
	if err := m.DropIn(t.Context(), testbed.KubeletUnit, ""); err != nil { // whose folder is there from now on
		t.Fatal(err)
	}
	before := machineFiles(t, m)

	if err := m.DropIn(t.Context(), testbed.KubeletUnit, "[Service]\nInaccessiblePaths=-/run/cri-logshim\n"); err != nil {
		t.Fatal(err)
	}
	said, err := m.Run(t.Context(), "cri-logshim", "node", "install", "--restart-kubelet", "--wait=8s")
	if err == nil || !strings.Contains(err.Error(), "the node is as it was before: kubelet is not healthy") {
		t.Fatalf("a kubelet that cannot reach the shim: %v\n%s", err, said)
	}
	if err := os.Remove(m.Root(dropIn)); err != nil {
		t.Fatal(err)
	}
	sameNode(t, m, "rolled back", before, pods)

	if said, err := m.Run(t.Context(), "cri-logshim", "node", "install", "--restart-kubelet"); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var status struct {
		State       string
		ThroughShim bool
		Calls       float64
	}
	said, err = m.Run(t.Context(), "cri-logshim", "node", "status", "-o", "json")
	if err := errors.Join(err, json.Unmarshal([]byte(said), &status)); err != nil {
		t.Fatal(err)
	}
	if status.State != "installed" || !status.ThroughShim || status.Calls == 0 {
		t.Errorf("the status is %s", said)
	}
	if now, err := runningContainers(t.Context(), m); err != nil || !slices.Equal(now, pods) {
		t.Errorf("containers %v run, before %v, %v", now, pods, err)
	}

	refusesBypass(t, m)
	leavesProxy(t, m)

	if said, err := m.Run(t.Context(), "cri-logshim", "node", "uninstall", "--restart-kubelet"); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	sameNode(t, m, "uninstalled", before, pods)
	if _, err := os.Lstat(m.Root("/run/cri-logshim")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("/run/cri-logshim is left: %v", err)
	}
}

// refusesBypass holds that nothing is installed past a bypass, which is said at once, with the
// command that ends it.
func refusesBypass(t *testing.T, m *testbed.Machine) {
	t.Helper()
	if _, err := m.Run(t.Context(), "cri-logshim", "bypass", "on"); err != nil {
		t.Fatal(err)
	}
	if said, err := m.Run(t.Context(), "cri-logshim", "node", "status"); err == nil || !strings.Contains(said, "bypass: manual since") {
		t.Errorf("with a bypass the status is %v\n%s", err, said)
	}
	if _, err := m.Run(t.Context(), "cri-logshim", "node", "install", "--restart-kubelet"); err == nil || !strings.Contains(err.Error(), "run this again: cri-logshim bypass off") {
		t.Errorf("installed past a bypass: %v", err)
	}
	if _, err := m.Run(t.Context(), "cri-logshim", "bypass", "off"); err != nil {
		t.Fatal(err)
	}
}

// leavesProxy holds that a service which nobody has told of another mode is told by an
// installation, before kubelet is led away from it, and to it again. In both modes kubelet's own
// rotation is off.
func leavesProxy(t *testing.T, m *testbed.Machine) {
	t.Helper()
	for _, step := range []struct{ mode, endpoint string }{
		{"manage", "unix:///run/containerd/containerd.sock"},
		{"proxy", "unix:///run/cri-logshim/kubelet.sock"},
	} {
		if _, err := m.Run(t.Context(), "sed", "-i", "s/^mode: [a-z]*/mode: "+step.mode+"/", "/etc/cri-logshim/config.yaml"); err != nil {
			t.Fatal(err)
		}
		if said, err := m.Run(t.Context(), "cri-logshim", "node", "install", "--restart-kubelet"); err != nil {
			t.Fatalf("to mode %s: %v\n%s", step.mode, err, said)
		}
		eventually(t, func(ctx context.Context) error {
			said, err := m.Run(ctx, "cri-logshim", "node", "status")
			if err == nil && (!strings.Contains(said, "mode: "+step.mode) || !strings.Contains(said, "endpoint: "+step.endpoint) || !strings.Contains(said, "rotation: off")) {
				err = fmt.Errorf("in mode %s the status is\n%s", step.mode, said)
			}
			return err
		})
	}
}

// bareNode makes a machine one on which nothing is installed but the program, whose kubelet
// speaks to containerd and rotates logs itself.
func bareNode(t *testing.T, m *testbed.Machine) {
	t.Helper()
	if _, err := m.Run(t.Context(), "sh", "-c", "rm -r /etc/cri-logshim /usr/local/lib/cri-logshim /usr/local/lib/systemd/system/cri-logshim* && systemctl daemon-reload"); err != nil {
		t.Fatal(err)
	}
	text, err := m.ReadFile(kubeletConfig)
	settings := map[string]any{}
	if err := errors.Join(err, json.Unmarshal([]byte(text), &settings)); err != nil {
		t.Fatal(err)
	}
	settings["containerRuntimeEndpoint"] = "unix:///run/containerd/containerd.sock"
	settings["healthzPort"] = 10248
	settings["containerLogMaxSize"] = "10Mi"
	delete(settings, "containerLogMonitorInterval")
	changed, err := json.MarshalIndent(settings, "", "  ")
	if err == nil {
		err = m.WriteFile(kubeletConfig, changed, 0o600)
	}
	if err == nil { // as nobody would have it by default
		_, err = m.Run(t.Context(), "sh", "-c", "chown 12:34 "+kubeletConfig+" && chmod 0640 "+kubeletConfig)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sameNode holds that the machine's files are as they were, the shim does not run, and kubelet
// is healthy with the same containers.
func sameNode(t *testing.T, m *testbed.Machine, when, files string, pods []string) {
	t.Helper()
	if now := machineFiles(t, m); now != files {
		t.Errorf("%s: the files are\n%s\nbefore:\n%s", when, now, files)
	}
	if state, err := m.Property(t.Context(), testbed.ShimUnit, "ActiveState"); err != nil || state == "active" {
		t.Errorf("%s: the shim is %s, %v", when, state, err)
	}
	eventually(t, func(ctx context.Context) error { return m.Active(ctx, testbed.KubeletUnit) })
	if now, err := runningContainers(t.Context(), m); err != nil || !slices.Equal(now, pods) {
		t.Errorf("%s: containers %v run, before %v, %v", when, now, pods, err)
	}
}

// machineFiles are the files, folders and links that an installation may change: their modes and
// owners, where links lead, and the sums of contents.
func machineFiles(t *testing.T, m *testbed.Machine) string {
	t.Helper()
	const list = `find /etc/kubernetes/config.json /etc/systemd/system /etc/cri-logshim /usr/local/lib /var/lib/cri-logshim \
		! -name test.conf -printf '%p %M %U:%G %l ' \( -type f -exec md5sum {} \; -o -printf '\n' \) 2>/dev/null | sort`
	text, err := m.Run(t.Context(), "sh", "-c", list)
	if err == nil && !strings.Contains(text, kubeletConfig+" -rw-r----- 12:34 ") {
		err = errors.New("kubelet's configuration is not among them, or is another's")
	}
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return text
}

// runningContainers are the ids of all containers that run.
func runningContainers(ctx context.Context, m *testbed.Machine) (ids []string, err error) {
	client, err := m.DialContainerd()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	answer, err := client.ListContainers(ctx, &runtimeapi.ListContainersRequest{Filter: &runtimeapi.ContainerFilter{
		State: &runtimeapi.ContainerStateValue{State: runtimeapi.ContainerState_CONTAINER_RUNNING},
	}})
	if err != nil {
		return nil, err
	}
	for _, c := range answer.Containers {
		ids = append(ids, c.Id)
	}
	slices.Sort(ids)
	return ids, nil
}
