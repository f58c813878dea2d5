package install

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// As long as a bypass leads kubelet's link past cri-logshim, kubelet is left as it is, also
// where all is installed already. It is said before anything is done, with the command that
// ends the bypass on that node: cri-logshim may run, be there, or not even that.
func TestBypassed(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(n *node)
		ends    string
	}{
		"nothing is installed":   {func(*node) {}, ": cri-logshim bypass off --force"},
		"a package":              {(*node).packaged, ": systemctl start cri-logshim.service && cri-logshim bypass off"},
		"installed":              {(*node).installed, ": cri-logshim bypass off"},
		"installed, and stopped": {func(n *node) { n.installed(); n.active[service], n.active[socket] = false, false }, ": systemctl start cri-logshim.service && cri-logshim bypass off"},
	} {
		t.Run(name, func(t *testing.T) {
			n, _ := newNode(t, "kubeadm.txtar")
			test.prepare(n)
			n.bypass("manual")
			before, steps, invocation := n.files(), n.steps, n.invocation
			err := n.installer(Options{RestartKubelet: true}).Install(t.Context())
			if err == nil || !strings.HasSuffix(err.Error(), test.ends) || !strings.Contains(err.Error(), "a slow call") {
				t.Errorf("it does not say %q: %v", test.ends, err)
			}
			n.same("after the refusal", before)
			if n.invocation != invocation || n.steps > steps+10 {
				t.Errorf("kubelet's invocation is %d, before %d; after %d steps", n.invocation, invocation, n.steps-steps)
			}
			if strings.Contains(test.ends, "systemctl start") {
				n.active[socket], n.active[service] = true, true
			}
			n.bypassOff()
			if err := n.installer(Options{RestartKubelet: true}).Install(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n.running != n.shim {
				t.Errorf("kubelet runs with %s", n.running)
			}
		})
	}
}

// installed installs all.
func (n *node) installed() {
	n.t.Helper()
	if err := n.installer(Options{RestartKubelet: true}).Install(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
}

// A service that goes on in the mode from before, since nobody has told it of a changed file,
// is told before kubelet is led to it or away from it.
func TestStaleMode(t *testing.T) {
	n, _ := newNode(t, "kubeadm.txtar")
	n.put(configPath, bareConfig+"mode: manage\n", 0o644)
	n.installed()
	for _, step := range []struct{ old, mode, running string }{
		{"manage", "proxy", n.shim}, {"proxy", "manage", n.at}, {"manage", "observe", n.at}, {"observe", "proxy", n.shim},
	} {
		n.replace(configPath, "mode: "+step.old, "mode: "+step.mode)
		n.installed()
		if n.running != step.running {
			t.Errorf("in mode %s kubelet runs with %s", step.mode, n.running)
		}
	}
}

// What lies in /run of cri-logshim goes with it, a bypass too, so that the next installation
// begins anew; but the link stays as long as kubelet, by whatever hand, is led there.
func TestRunIsCleared(t *testing.T) {
	for name, test := range map[string]struct {
		options Options
		byHand  bool
		stays   bool
	}{
		"kubelet was led":     {options: Options{RestartKubelet: true}},
		"left alone":          {options: Options{LeaveKubelet: true}},
		"led there by a hand": {options: Options{LeaveKubelet: true}, byHand: true, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			n, _ := newNode(t, "kubeadm.txtar")
			test.options.RuntimeEndpoint = n.at
			if err := n.installer(test.options).Install(t.Context()); err != nil {
				t.Fatal(err)
			}
			if test.byHand {
				n.replace("var/lib/kubelet/config.yaml", n.at, n.shim)
			}
			n.bypass("manual")
			if err := n.installer(Options{RestartKubelet: true}).Uninstall(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Lstat(filepath.Join(n.root, "run/cri-logshim")); (err == nil) != test.stays {
				t.Errorf("/run/cri-logshim stays: %v", err)
			}
			if test.stays {
				return
			}
			if err := n.installer(Options{RestartKubelet: true}).Install(t.Context()); err != nil {
				t.Errorf("once more: %v", err)
			}
		})
	}
}
