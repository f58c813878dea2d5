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

// A kubelet with dockershim inside has no rotation of its own and is no client: in the modes manage
// and observe it is left alone, whatever else answers on the node, and dockershim is the runtime.
func TestDockershimIsManaged(t *testing.T) {
	const engine = "unix:///elsewhere/docker.sock"
	for name, test := range map[string]struct {
		prepare func(n *node)
		config  string
		at      string
		notes   string // empty: nothing of it
	}{
		"told":           {(*node).dockershim, "mode: manage\n", dockershimEndpoint, ""},
		"by default":     {(*node).dockershimUntold, "mode: manage\n", dockershimEndpoint, ""},
		"observed":       {(*node).dockershimUntold, "mode: observe\n", dockershimEndpoint, ""},
		"at another end": {func(n *node) { n.dockershimUntold(); n.ownEndpoint("unix:///run/own.sock") }, "mode: manage\n", "unix:///run/own.sock", ""},
		"Docker elsewhere, as cri-logshim is told": {
			func(n *node) { n.dockershimUntold(); n.flags("--docker-endpoint=" + engine) },
			"mode: manage\ndocker: {endpoint: " + engine + "}\n", dockershimEndpoint, "",
		},
		"Docker's default by its other name": {
			func(n *node) { n.dockershimUntold(); n.flags("--docker-endpoint=unix:///var/run/docker.sock") },
			"mode: manage\n", dockershimEndpoint, "",
		},
		"Docker elsewhere, which is not to be asked": {
			func(n *node) { n.dockershimUntold(); n.flags("--docker-endpoint=" + engine) },
			"mode: manage\ndocker: {endpoint: \"\"}\n", dockershimEndpoint, "",
		},
		"Docker by TCP": {
			func(n *node) { n.dockershimUntold(); n.flags("--docker-endpoint=tcp://127.0.0.1:2375") },
			"mode: manage\n", dockershimEndpoint, "tcp://127.0.0.1:2375",
		},
	} {
		t.Run(name, func(t *testing.T) {
			n, _ := newNode(t, "kubeadm.txtar")
			test.prepare(n)
			n.beside = containerd
			n.put(configPath, bareConfig+test.config, 0o644)
			invocation, kubelets := n.invocation, n.files()["/var/lib/kubelet/config.yaml"]
			if err := n.installer(Options{RestartKubelet: true}).Install(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(n.configuration(), "runtimeEndpoint: "+test.at) {
				t.Errorf("the configuration is\n%s", n.configuration())
			}
			if n.files()["/var/lib/kubelet/config.yaml"] != kubelets || n.invocation != invocation {
				t.Errorf("kubelet was not left alone: its invocation was %d, is %d", invocation, n.invocation)
			}
			if said := n.out.String(); !strings.Contains(said, test.notes) || strings.Contains(said, "kubelet reaches Docker") != (test.notes != "") {
				t.Errorf("it says:\n%s", said)
			}
		})
	}
}

// ownEndpoint has kubelet's dockershim serve elsewhere.
func (n *node) ownEndpoint(at string) {
	n.t.Helper()
	n.at = at
	n.flags("--container-runtime-endpoint=" + at)
	n.startKubelet()
}

// What one kubelet has inside, another reaches at an endpoint: remote is no dockershim, whatever flags
// are left over from it.
func TestNoDockershim(t *testing.T) {
	for name, prepare := range map[string]func(n *node){
		"remote": func(n *node) {
			n.version = "v1.23.17"
			n.flags("--network-plugin=cni --container-runtime=remote --container-runtime-endpoint=" + containerd)
		},
		"a newer one": func(n *node) { n.version = "v1.27.0" },
	} {
		t.Run(name, func(t *testing.T) {
			n, _ := newNode(t, "kubeadm.txtar")
			prepare(n)
			n.installed()
			if n.running != n.shim {
				t.Errorf("kubelet runs with %s:\n%s", n.running, n.out.String())
			}
		})
	}
}

// Without an endpoint in an image examples of it are named, not of one runtime only.
func TestEndpointsNamed(t *testing.T) {
	n, _ := newNode(t, "kubeadm.txtar")
	n.replace("var/lib/kubelet/config.yaml", containerd, `""`)
	n.at = dockershimEndpoint
	err := n.installer(Options{Offline: true}).Install(t.Context())
	if err == nil || !strings.Contains(err.Error(), containerd) || !strings.Contains(err.Error(), "unix:///run/cri-dockerd.sock") || !strings.Contains(err.Error(), dockershimEndpoint+" for a kubelet up to 1.23") {
		t.Error(err)
	}
}
