package install

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Rights that others have taken from a file since are not given again, and what an uninstallation
// says of each file is what it does: it is made what it was, goes, stays as others have it, or only
// loses our settings.
func TestUninstallTells(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(n *node)
		says    []string
		not     string
	}{
		"untouched": {
			func(*node) {},
			[]string{"Restored /var/lib/kubelet/config.yaml.", "Removed /etc/cri-logshim/config.yaml.", "Uninstalled. The node's files are as they were.\n"},
			"Note:",
		},
		"tightened": {
			func(n *node) { n.chmod("var/lib/kubelet/config.yaml", 0o600) },
			[]string{"Restored /var/lib/kubelet/config.yaml.", "/var/lib/kubelet/config.yaml was given another mode or owner since, and keeps it: -rw-------", "but for what others have changed"},
			"only our settings",
		},
		"our settings taken out by others": {
			func(n *node) {
				n.put("var/lib/kubelet/config.yaml", "kind: KubeletConfiguration\ncontainerRuntimeEndpoint: "+containerd+"\n", 0o640)
			},
			[]string{"/var/lib/kubelet/config.yaml was changed since, and is left as it is", "but for what others have changed"},
			"only our settings",
		},
		"changed by others": {
			func(n *node) {
				n.replace("var/lib/kubelet/config.yaml", "rotateCertificates: true", "rotateCertificates: false")
			},
			[]string{"/var/lib/kubelet/config.yaml was changed since; only our settings are taken out of it", "Restored /var/lib/kubelet/config.yaml."},
			"The node's files are as they were.\n",
		},
		"removed by others": {
			func(n *node) { n.gone("var/lib/kubelet/instance-config.yaml") },
			[]string{"/var/lib/kubelet/instance-config.yaml was removed since, and stays so", "but for what others have changed"},
			"Restored /var/lib/kubelet/instance-config.yaml",
		},
		"a unit removed": {
			func(n *node) { n.gone("usr/local/lib/systemd/system/cri-logshim-retry.service") },
			[]string{"Uninstalled. The node's files are as they were.\n"},
			"Removed /usr/local/lib/systemd/system/cri-logshim-retry.service",
		},
	} {
		t.Run(name, func(t *testing.T) {
			n, _ := newNode(t, "kubeadm.txtar")
			n.installed()
			test.prepare(n)
			s, err := n.installer(Options{}).Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range s.Files {
				if _, err := os.Stat(filepath.Join(n.root, f.Path)); err != nil && f.Fate != Gone {
					t.Errorf("%s is %s, and not there", f.Path, f.Fate)
				}
			}
			modes := n.modes(s.Files)
			n.out.Reset()
			if err := n.installer(Options{RestartKubelet: true}).Uninstall(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, words := range test.says {
				if !strings.Contains(n.out.String(), words) {
					t.Errorf("it does not say %q", words)
				}
			}
			if strings.Contains(n.out.String(), test.not) {
				t.Errorf("it says %q", test.not)
			}
			for path, mode := range n.modes(s.Files) {
				if mode != modes[path] {
					t.Errorf("%s has mode %v, before %v", path, mode, modes[path])
				}
			}
			if t.Failed() {
				t.Log("\n" + n.out.String())
			}
		})
	}
}

// modes are those of the files that are there.
func (n *node) modes(files []FileStatus) map[string]os.FileMode {
	found := map[string]os.FileMode{}
	for _, f := range files {
		if info, err := os.Stat(filepath.Join(n.root, f.Path)); err == nil {
			found[f.Path] = info.Mode()
		}
	}
	return found
}

func (n *node) chmod(name string, mode os.FileMode) {
	n.t.Helper()
	if err := os.Chmod(filepath.Join(n.root, name), mode); err != nil {
		n.t.Fatal(err)
	}
}
