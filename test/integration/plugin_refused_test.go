package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// checkPermissions does as a user what the plugin says has to be done, and needs no more than that. It finds advice
// that does not help, and a permission that is needed and not told.
func (n *pluginNode) checkPermissions(t *testing.T) {
	t.Helper()
	onNode := []string{restarted, "--tail", "5", "--node", testbed.NodeName}
	refused := n.fromAfar(t, n.StrangerKubeconfig, onNode...)
	if refused.code != exitcode.Failed || refused.out != "" || !strings.Contains(refused.told, "nodes/proxy") {
		t.Fatalf("without any permission: %+v", refused)
	}
	done := 0
	for line := range strings.Lines(refused.told) {
		if command, ok := strings.CutPrefix(strings.TrimSpace(line), "kubectl "); ok {
			n.kubectl(t, strings.ReplaceAll(command, "<you>", testbed.Stranger))
			done++
		}
	}
	if done == 0 {
		t.Fatalf("it tells no command that would allow it: %s", refused.told)
	}
	want := n.onTheNode(t, onNode[:3]...)
	n.allowed(t, want, onNode...)

	search := onNode[:3]
	if refused := n.fromAfar(t, n.StrangerKubeconfig, search...); refused.code != exitcode.Failed || !strings.Contains(refused.told, "get pods") || !strings.Contains(refused.told, "--node") {
		t.Errorf("without the permission to get pods: %+v", refused)
	}
	n.kubectl(t, "create clusterrole pods --verb=get --resource=pods")
	n.kubectl(t, "create clusterrolebinding pods --clusterrole=pods --user="+testbed.Stranger)
	n.allowed(t, want, search...)
}

// allowed waits until the stranger is shown something: the API server learns of permissions a moment later.
func (n *pluginNode) allowed(t *testing.T, want logsShown, args ...string) {
	t.Helper()
	eventually(t, func(context.Context) error {
		if got := n.fromAfar(t, n.StrangerKubeconfig, args...); got != want {
			return fmt.Errorf("kubectl logshim logs %q: code %d, it tells %q, it shows %q", args, got.code, got.told, got.out)
		}
		return nil
	})
}

// checkHandlersOff starts kubelet with what hardened clusters switch off, and not at all.
func (n *pluginNode) checkHandlersOff(t *testing.T) {
	t.Helper()
	for _, setting := range []string{"enableSystemLogHandler", "enableDebuggingHandlers"} {
		if err := n.kubelet.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := n.kubelet.Configure(map[string]any{setting: false}); err != nil {
			t.Fatal(err)
		}
		if err := n.kubelet.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, pod := range []string{restarted, removed} {
			if got := n.fromAfar(t, n.Kubeconfig, pod); got.code == 0 || got.out != "" || !strings.Contains(got.told, setting) {
				t.Errorf("%s with %s: false: %+v", pod, setting, got)
			}
		}
	}
	if err := n.kubelet.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := n.fromAfar(t, n.Kubeconfig, restarted); got.code != exitcode.Unreachable || !strings.Contains(got.told, "kubectl describe node") {
		t.Errorf("without kubelet: %+v", got)
	}
}
