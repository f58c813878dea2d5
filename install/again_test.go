package install

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// replace puts other text into a file, as somebody does between two installations.
func (n *node) replace(name, old, text string) {
	n.t.Helper()
	content, err := os.ReadFile(filepath.Join(n.root, name))
	if err != nil {
		n.t.Fatal(err)
	}
	if !strings.Contains(string(content), old) {
		n.t.Fatalf("there is no %q in %s:\n%s", old, name, content)
	}
	n.put(name, strings.Replace(string(content), old, text, 1), 0o640)
}

// A second installation that changes kubelet's files once more, under a kubelet that was
// started with the first one's, does not make that kubelet one that needs no cri-logshim.
func TestChangedOnceMore(t *testing.T) {
	n, _ := newNode(t, "kubeadm.txtar")
	before := n.files()
	ctx := t.Context()
	if err := n.installer(Options{RestartKubelet: true}).Install(ctx); err != nil {
		t.Fatal(err)
	}
	n.replace("var/lib/kubelet/config.yaml", "containerLogMaxSize: 1P\ncontainerLogMonitorInterval: 1h\n", "")
	if err := n.installer(Options{}).Install(ctx); err != nil {
		t.Fatal(err)
	}
	if s, err := n.installer(Options{}).Status(ctx); err != nil || !s.RestartNeeded {
		t.Errorf("the status is %+v, %v", s, err)
	}
	if err := n.installer(Options{}).Uninstall(ctx); !errors.Is(err, errStillThere) {
		t.Errorf("uninstalled while kubelet needs it: %v", err)
	}
	if !n.active[service] {
		t.Error("the service was stopped")
	}
	if err := n.installer(Options{RestartKubelet: true}).Uninstall(ctx); err != nil {
		t.Fatal(err)
	}
	n.same("in the end", before)
}

// A kubelet that was never started with our settings needs no cri-logshim and no restart,
// however often its files were changed meanwhile.
func TestNeverRestarted(t *testing.T) {
	n, _ := newNode(t, "kubeadm.txtar")
	before := n.files()
	ctx := t.Context()
	for range 2 {
		if err := n.installer(Options{}).Install(ctx); err != nil {
			t.Fatal(err)
		}
		n.replace("var/lib/kubelet/config.yaml", "containerLogMaxSize: 1P\ncontainerLogMonitorInterval: 1h\n", "")
	}
	if err := n.installer(Options{}).Uninstall(ctx); err != nil {
		t.Fatal(err)
	}
	n.same("in the end", before)
	if n.invocation != 1 || n.active[service] {
		t.Errorf("kubelet's invocation is %d, the service is active %t", n.invocation, n.active[service])
	}
}

// Where kubelet was led to cri-logshim, and is to be left alone now, its files become what they
// were: all that is shown is done, and an uninstallation has nothing left to do for it.
func TestLeftAloneAfterwards(t *testing.T) {
	for name, test := range map[string]struct {
		mode    string
		options Options
	}{
		"mode observe":    {"observe", Options{}},
		"mode manage":     {"manage", Options{LeaveRotation: true}},
		"--leave-kubelet": {"proxy", Options{LeaveKubelet: true}},
	} {
		t.Run(name, func(t *testing.T) {
			n, _ := newNode(t, "kubeadm.txtar")
			before := n.files()
			ctx := t.Context()
			if err := n.installer(Options{RestartKubelet: true}).Install(ctx); err != nil {
				t.Fatal(err)
			}
			n.put("etc/cri-logshim/config.yaml", "apiVersion: cri-logshim.io/v1alpha1\nkind: Configuration\nmode: "+test.mode+"\n", 0o644)
			if err := n.installer(test.options).Install(ctx); err != nil {
				t.Fatal(err)
			}
			if changed := n.changed(before); changed != "" {
				t.Errorf("changed:\n%s", changed)
			}
			for path := range n.files() {
				if strings.HasSuffix(path, newSuffix) {
					t.Errorf("%s is left", path)
				}
			}
			if s, err := n.installer(Options{}).Status(ctx); err != nil || !s.RestartNeeded || n.invocation != 2 {
				t.Errorf("the status is %+v, %v, kubelet's invocation is %d", s, err, n.invocation)
			}
			test.options.RestartKubelet = true
			for range 2 {
				if err := n.installer(test.options).Install(ctx); err != nil {
					t.Fatal(err)
				}
				if n.running != n.at || n.invocation != 3 {
					t.Errorf("kubelet runs with %s, its invocation is %d", n.running, n.invocation)
				}
			}
			if err := n.installer(Options{}).Uninstall(ctx); err != nil {
				t.Fatal(err)
			}
			if n.invocation != 3 || n.active[service] {
				t.Errorf("kubelet's invocation is %d, the service is active %t", n.invocation, n.active[service])
			}
		})
	}
}

// Where /lib is a link to /usr/lib, units and scripts that lie there are known again under
// either name, and stay.
func TestMergedUsr(t *testing.T) {
	n, _ := newNode(t, "kubeadm.txtar")
	if err := os.Symlink("usr/lib", filepath.Join(n.root, "lib")); err != nil {
		t.Fatal(err)
	}
	before := n.files()
	ctx, all := t.Context(), Options{RestartKubelet: true, Binary: "/usr/bin/cri-logshim"}
	if err := n.installer(all).Install(ctx); err != nil {
		t.Fatal(err)
	}
	installed := n.files()
	if _, there := installed["/usr/lib/systemd/system/"+service]; !there {
		t.Fatal("there is no unit in /usr/lib")
	}
	n.out.Reset()
	if err := n.installer(all).Install(ctx); err != nil {
		t.Fatal(err)
	}
	n.same("after a second installation", installed)
	if strings.Contains(n.out.String(), "left as it is") {
		t.Errorf("its own units are somebody else's:\n%s", n.out.String())
	}
	if err := n.installer(all).Uninstall(ctx); err != nil {
		t.Fatal(err)
	}
	n.same("after the uninstallation", before)
}
