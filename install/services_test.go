package install

import (
	"errors"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/systemd"
)

// bareConfig lacks what this node needs, so that an installation adds it.
const bareConfig = "apiVersion: cri-logshim.io/v1alpha1\nkind: Configuration\nrotation: {maxFiles: 9}\n"

// onceFailing has the next restart of kubelet fail.
func (n *node) onceFailing() {
	failed := false
	n.fault = func(_ int, what string) error {
		if what != "restart kubelet.service" || failed {
			return nil
		}
		failed = true
		return errors.New("kubelet does not start")
	}
}

// packaged puts in place what a package brings, with a configuration that others have written.
func (n *node) packaged() {
	n.t.Helper()
	for _, name := range []string{socket, service} {
		text, err := systemd.Files.ReadFile(name)
		if err != nil {
			n.t.Fatal(err)
		}
		n.put("usr/lib/systemd/system/"+name, string(text), 0o644)
	}
	n.put(configPath, bareConfig, 0o644)
}

// wantTakenBack runs an installation that fails late, and holds that all of the node is as it
// was, the services and the configuration that they have in force included.
func (n *node) wantTakenBack() {
	n.t.Helper()
	before, active, enabled, inForce, running := n.files(), maps.Clone(n.active), maps.Clone(n.enabled), n.inForce, n.running
	n.onceFailing()
	err := n.installer(Options{RestartKubelet: true}).Install(n.t.Context())
	if err == nil || !strings.Contains(err.Error(), "the node is as it was before: restart kubelet") {
		n.t.Errorf("installed, or another end: %v", err)
	}
	n.same("taken back", before)
	if n.running != running {
		n.t.Errorf("kubelet runs with %s, before with %s", n.running, running)
	}
	for _, unit := range []string{socket, service} {
		if n.active[unit] != active[unit] || n.enabled[unit] != enabled[unit] {
			n.t.Errorf("%s is active %t, before %t, enabled %t, before %t", unit, n.active[unit], active[unit], n.enabled[unit], enabled[unit])
		}
	}
	if n.active[service] && n.inForce != inForce {
		n.t.Errorf("in force is\n%s\nbefore\n%s", n.inForce, inForce)
	}
}

// An installation that fails leaves services as they were, whether one was in force before or
// not: those that ran run, with the configuration from before, and those that were stopped are
// stopped.
func TestServicesTakenBack(t *testing.T) {
	for name, state := range map[string]struct{ active, enabled bool }{
		"running":              {true, true},
		"running, not enabled": {true, false},
		"stopped, enabled":     {false, true},
		"stopped, not enabled": {false, false},
	} {
		set := func(n *node) {
			for _, unit := range []string{socket, service} {
				n.active[unit], n.enabled[unit] = state.active, state.enabled
			}
			n.inForce = n.configuration()
		}
		t.Run("the first, "+name, func(t *testing.T) {
			n, _ := newNode(t, "crio.txtar")
			n.packaged()
			set(n)
			n.wantTakenBack()
		})
		t.Run("the second, "+name, func(t *testing.T) {
			n, _ := newNode(t, "crio.txtar")
			n.packaged()
			if err := n.installer(Options{LeaveKubelet: true, RuntimeEndpoint: n.at}).Install(t.Context()); err != nil {
				t.Fatal(err)
			}
			n.put(configPath, bareConfig, 0o644)
			set(n)
			n.wantTakenBack()
		})
		if !state.active {
			continue
		}
		t.Run("the second, with kubelet led, "+name, func(t *testing.T) {
			n, _ := newNode(t, "crio.txtar")
			n.packaged()
			if err := n.installer(Options{RestartKubelet: true}).Install(t.Context()); err != nil {
				t.Fatal(err)
			}
			n.put(configPath, bareConfig+"kubeletEndpoint: "+n.shim+"\n", 0o644)
			n.replace("etc/kubelet.yaml", "containerLogMaxSize: 1P\n", "")
			set(n)
			n.wantTakenBack()
		})
	}
}

// A service that had failed, and that systemd starts again and again, goes on so.
func TestFailedBefore(t *testing.T) {
	n, _ := newNode(t, "crio.txtar")
	n.packaged()
	n.failed = true
	n.onceFailing()
	if err := n.installer(Options{RestartKubelet: true}).Install(t.Context()); err == nil {
		t.Fatal("installed")
	}
	if !n.active[service] || n.inForce != bareConfig {
		t.Errorf("the service is active %t, in force is\n%s", n.active[service], n.inForce)
	}
}

// A service that was stopped, with kubelet's link led past it, is stopped again, and the link
// leads where somebody serves.
func TestLinkTakenBack(t *testing.T) {
	n, _ := newNode(t, "crio.txtar")
	if err := n.installer(Options{RestartKubelet: true}).Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.bypass("automatic") // which the service ends
	n.active[service], n.active[socket] = false, false
	before, err := os.Readlink(n.link())
	if err != nil {
		t.Fatal(err)
	}
	n.onceFailing()
	n.replace("etc/kubelet.yaml", "containerLogMaxSize: 1P\n", "")
	err = n.installer(Options{RestartKubelet: true}).Install(t.Context())
	if err == nil || !strings.Contains(err.Error(), "restart kubelet") {
		t.Fatalf("installed, or another end: %v", err)
	}
	if target, err := os.Readlink(n.link()); err != nil || target != before || n.active[service] {
		t.Errorf("the link leads to %q, %v, before to %q; the service is active %t", target, err, before, n.active[service])
	}
}

// An uninstallation stops no service that ran before, and has it take the configuration that
// was put back.
func TestRanBefore(t *testing.T) {
	n, _ := newNode(t, "crio.txtar")
	n.packaged()
	n.active[socket], n.active[service], n.inForce = true, true, bareConfig
	before := n.files()
	all := Options{RestartKubelet: true}
	if err := n.installer(all).Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n.inForce == bareConfig {
		t.Fatal("the service has not taken what was changed")
	}
	if err := n.installer(all).Uninstall(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.same("uninstalled", before)
	if !n.active[service] || n.enabled[service] || n.inForce != bareConfig {
		t.Errorf("the service is active %t, enabled %t, in force is\n%s", n.active[service], n.enabled[service], n.inForce)
	}
}
