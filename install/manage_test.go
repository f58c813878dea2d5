package install

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// On every kind of node, from each mode to each other one: kubelet is restarted once, and then speaks
// to whom the mode says and rotates only where it is to; a second installation changes nothing; and
// from each mode an uninstallation makes every file what it was, byte for byte.
func TestModesInTurn(t *testing.T) {
	all := Options{RestartKubelet: true}
	modes := []string{"proxy", "manage", "observe"}
	for _, archive := range archives(t) {
		for _, from := range modes {
			for _, to := range modes {
				t.Run(fmt.Sprintf("%s, %s to %s", archive, from, to), func(t *testing.T) {
					t.Parallel()
					bare, _ := newNode(t, archive)
					bare.configureFor(to)
					n, _ := newNode(t, archive)
					n.configureFor(from)
					n.installed()
					n.configureFor(to)
					invocation := n.invocation
					n.installed()
					n.wantMode("installed", to)
					if restarts := n.invocation - invocation; restarts > 1 || restarts == 0 && from != to && (n.before != n.set || from == "proxy" || to == "proxy") {
						t.Errorf("kubelet was restarted %d times", restarts)
					}
					installed, invocation := n.files(), n.invocation
					n.installed()
					n.same("after a second installation", installed)
					if n.invocation != invocation {
						t.Error("the second installation has restarted kubelet")
					}
					if err := n.installer(all).Uninstall(t.Context()); err != nil {
						t.Fatal(err)
					}
					n.same("after the uninstallation", bare.files())
					if n.running != n.at || n.rotation != n.before || n.active[service] || n.enabled[service] {
						t.Errorf("kubelet runs with %s, its rotation is %q; the service is active %t, enabled %t", n.running, n.rotation, n.active[service], n.enabled[service])
					}
				})
			}
		}
	}
}

// configureFor writes a configuration with a mode that needs no change on this node.
func (n *node) configureFor(mode string) {
	n.t.Helper()
	n.configure(mode)
	n.put(configPath, n.configuration()+"runtimeEndpoint: "+n.at+"\nkubeletEndpoint: "+n.shim+"\n", 0o644)
}

// In mode manage too nothing is restarted without being told, which is said; and since no kubelet has
// ever needed cri-logshim, an uninstallation waits for none.
func TestManageRestartsNothing(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		n, _ := newNode(t, "kubeadm.txtar")
		n.configure("manage")
		before, ctx := n.files(), t.Context()
		if err := n.installer(Options{}).Install(ctx); err != nil {
			t.Fatal(err)
		}
		if n.invocation != 1 || !strings.Contains(n.out.String(), "Kubelet has not been restarted") {
			t.Errorf("kubelet's invocation is %d, it says:\n%s", n.invocation, n.out.String())
		}
		if s, err := n.installer(Options{}).Status(ctx); err != nil || !s.RestartNeeded || s.ThroughShim || s.Rotation != "off" || len(s.Warnings) != 1 {
			t.Errorf("the status is %+v, %v", s, err)
		}
		if restarted {
			n.startKubelet()
		}
		n.out.Reset()
		if err := n.installer(Options{}).Uninstall(ctx); err != nil {
			t.Fatal(err)
		}
		n.same("uninstalled", before)
		if said := n.out.String(); n.active[service] || strings.Contains(said, "Kubelet has not been restarted: until it is") != restarted {
			t.Errorf("kubelet was restarted: %t; the service is active %t, it says:\n%s", restarted, n.active[service], said)
		}
	}
}

// A kubelet that was led, and is no more, is waited for until it was restarted, and not longer,
// whatever of its rotation is taken back then.
func TestManageAfterProxy(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		n, _ := newNode(t, "kubeadm.txtar")
		n.configure("proxy")
		n.installed()
		n.configure("manage")
		ctx := t.Context()
		if err := n.installer(Options{RestartKubelet: restarted}).Install(ctx); err != nil {
			t.Fatal(err)
		}
		if restarted { // a later change of its rotation leads it nowhere
			n.replace("var/lib/kubelet/config.yaml", "containerLogMaxSize: 1P\n", "")
			if err := n.installer(Options{}).Install(ctx); err != nil {
				t.Fatal(err)
			}
		}
		err := n.installer(Options{}).Uninstall(ctx)
		if restarted != (err == nil) || !restarted && !errors.Is(err, errStillThere) || n.active[service] == restarted {
			t.Errorf("kubelet was restarted: %t; uninstalled: %v, the service is active %t", restarted, err, n.active[service])
		}
		if err := n.installer(Options{RestartKubelet: true}).Uninstall(ctx); err != nil {
			t.Fatal(err)
		}
		if text := n.setting(kubeletRotation()); text != "" || n.endpoint() != n.at {
			t.Errorf("kubelet would run with %s, its rotation is %q", n.endpoint(), text)
		}
	}
}

// A kubelet that is not well with its rotation set aside gets its files back by itself, those of the
// mode before.
func TestManageRolledBack(t *testing.T) {
	for _, from := range []string{"", "proxy", "observe"} {
		n, _ := turn{from, "manage"}.begin(t)
		before, running, rotation := n.files(), n.running, n.rotation
		failed := false
		n.fault = func(_ int, what string) error {
			n.unhealthy = what == "restart kubelet.service" && !failed
			failed = failed || n.unhealthy
			return nil
		}
		err := n.installer(Options{RestartKubelet: true}).Install(t.Context())
		if err == nil || !strings.Contains(err.Error(), "the node is as it was before: kubelet is not healthy with its rotation set aside") {
			t.Errorf("from mode %q: installed, or another end: %v", from, err)
		}
		n.same("taken back", before)
		if n.running != running || n.rotation != rotation {
			t.Errorf("from mode %q: kubelet runs with %s, before with %s; its rotation is %q, before %q", from, n.running, running, n.rotation, rotation)
		}
	}
}

// Whatever others write into a file of kubelet's after a turn was killed, before or after that file
// was replaced, an uninstallation leaves none of our settings in it.
func TestForeignAfterKilled(t *testing.T) {
	const file = "var/lib/kubelet/config.yaml"
	for _, u := range []turn{{"", "manage"}, {"proxy", "manage"}, {"manage", "proxy"}} {
		t.Run(u.String(), func(t *testing.T) {
			t.Parallel()
			for at, reached := 1, true; reached; at++ {
				n, _ := u.begin(t)
				reached, _ = cutShort(n, at, func() error { return n.installer(Options{RestartKubelet: true}).Install(t.Context()) })
				n.replace(file, "rotateCertificates: true", "rotateCertificates: false # theirs")
				if err := n.installer(Options{RestartKubelet: true}).Uninstall(t.Context()); err != nil {
					t.Fatal(err)
				}
				text := n.files()["/"+file]
				if n.endpoint() != n.at || strings.Contains(text, "containerLog") || !strings.Contains(text, "false # theirs") {
					t.Errorf("killed at step %d, its configuration is\n%s", at, text)
				}
			}
		})
	}
}

// In mode manage it is warned of a kubelet that rotates too, and of one that is still led.
func TestManageWarns(t *testing.T) {
	n, _ := newNode(t, "kubeadm.txtar")
	n.configure("manage")
	n.installed()
	for _, test := range []struct{ name, old, text, warns string }{
		{"all is well", "kind:", "kind:", ""},
		{"files written anew", "containerLogMaxSize: 1P\n", "", "or both rotate at once: cri-logshim node install"},
		{"all is well again", "kind:", "kind:", ""},
		{"led by hand", n.at, n.shim, "cri-logshim node install leads them to the runtime"},
	} {
		n.replace("var/lib/kubelet/config.yaml", test.old, test.text)
		s, err := n.installer(Options{}).Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if said := strings.Join(s.Warnings, "\n"); test.warns == "" && said != "" || !strings.Contains(said, test.warns) {
			t.Errorf("%s: it warns %q", test.name, said)
		}
		n.installed()
	}
}
