package install

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Of a runtime that cri-logshim cannot do all for, or that could not be asked, it is said so. kubelet's
// rotation is set aside before each of them: where logs cannot be reopened it fails.
func TestRuntimeNoted(t *testing.T) {
	for name, test := range map[string]struct {
		runtime string
		options Options
		says    string // empty: nothing
	}{
		"containerd":                   {"containerd", Options{}, ""},
		"containerd, in an image":      {"", Options{Offline: true}, ""},
		"Docker":                       {"docker", Options{}, "cannot reopen logs"},
		"Docker, in an image":          {"", Options{Offline: true, RuntimeEndpoint: "unix:///run/cri-dockerd.sock"}, "cannot reopen logs"},
		"an unknown one, in an image":  {"", Options{Offline: true, RuntimeEndpoint: "unix:///run/frakti.sock"}, "was not asked"},
		"an unknown one that is named": {"frakti", Options{RuntimeEndpoint: containerd}, `calls itself "frakti"`},
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
			if !strings.Contains(said, "+containerLogMaxSize: 1P") {
				t.Errorf("kubelet's rotation stays:\n%s", said)
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

// A kubelet with dockershim inside has no rotation of its own and is no client: in mode manage it is
// left alone, whatever else answers on the node.
func TestDockershimIsManaged(t *testing.T) {
	n, _ := newNode(t, "kubeadm.txtar")
	n.dockershim()
	n.startKubelet()
	n.put(configPath, bareConfig+"mode: manage\n", 0o644)
	if err := n.installer(Options{RestartKubelet: true}).Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(n.configuration(), "runtimeEndpoint: "+dockershimEndpoint) {
		t.Errorf("the configuration is\n%s", n.configuration())
	}
	if n.setting(kubeletRotation()) != "" || n.invocation != 2 {
		t.Errorf("kubelet's invocation is %d, its rotation %q", n.invocation, n.setting(kubeletRotation()))
	}
}

// Without an endpoint in an image examples of it are named, not of one runtime only.
func TestEndpointsNamed(t *testing.T) {
	n, _ := newNode(t, "kubeadm.txtar")
	n.replace("var/lib/kubelet/config.yaml", containerd, `""`)
	n.at = dockershimEndpoint
	err := n.installer(Options{Offline: true}).Install(t.Context())
	if err == nil || !strings.Contains(err.Error(), containerd) || !strings.Contains(err.Error(), "unix:///run/cri-dockerd.sock") {
		t.Error(err)
	}
}
