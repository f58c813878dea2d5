package install

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Of a runtime that cri-logshim cannot do all for, or that could not be asked, it is said so; of one
// that cannot reopen logs, kubelet keeps its rotation.
func TestRuntimeNoted(t *testing.T) {
	for name, test := range map[string]struct {
		runtime  string
		options  Options
		says     string // empty: nothing
		rotation bool   // of kubelet's stays
	}{
		"containerd":                   {"containerd", Options{}, "", false},
		"containerd, in an image":      {"", Options{Offline: true}, "", false},
		"Docker":                       {"docker", Options{}, "cannot reopen logs", true},
		"Docker, in an image":          {"", Options{Offline: true, RuntimeEndpoint: "unix:///run/cri-dockerd.sock"}, "cannot reopen logs", true},
		"an unknown one, in an image":  {"", Options{Offline: true, RuntimeEndpoint: "unix:///run/frakti.sock"}, "was not asked", false},
		"an unknown one that is named": {"frakti", Options{RuntimeEndpoint: containerd}, `calls itself "frakti"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			n, _ := newNode(t, "kubeadm.txtar")
			n.runtime = test.runtime
			test.options.DryRun = true
			if err := n.installer(test.options).Install(t.Context()); err != nil {
				t.Fatal(err)
			}
			said := n.out.String()
			if test.says != "" && !strings.Contains(said, test.says) || test.says == "" && strings.Contains(said, "Note: the runtime") {
				t.Errorf("it does not say %q:\n%s", test.says, said)
			}
			if strings.Contains(said, "+containerLogMaxSize: 1P") == test.rotation {
				t.Errorf("kubelet's rotation stays %t:\n%s", test.rotation, said)
			}
		})
	}
}

// The same socket by another name is no reason to change a configuration that is there.
func TestSameSocket(t *testing.T) {
	n, _ := newNode(t, "kubeadm.txtar")
	if err := os.Symlink("../run", filepath.Join(n.root, "var/run")); err != nil {
		t.Fatal(err)
	}
	n.at = "unix:///var/run/containerd/containerd.sock"
	n.replace("var/lib/kubelet/config.yaml", containerd, n.at)
	n.startKubelet()
	n.packaged()
	n.installed()
	if text := n.configuration(); text != bareConfig || n.running != n.shim {
		t.Errorf("kubelet runs with %s, the configuration is now\n%s", n.running, text)
	}
}
