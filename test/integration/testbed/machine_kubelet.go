package testbed

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// KubeletUnit is a Machine's kubelet.
const KubeletUnit = "kubelet.service"

// machineKubelet is a kubelet whose files are where a Machine has them. Its endpoint is a
// link to the one that cri-logshim makes.
func machineKubelet() *Kubelet {
	return &Kubelet{PodLogsDir: "/var/log/pods", node: &Node{}, dir: "/etc/kubernetes", port: 10250, options: KubeletOptions{Logs: LeftToTheShim()}}
}

// furnishKubelet gives the machine a kubelet without an API server, as a service that is
// not enabled.
func (m *Machine) furnishKubelet() error {
	k := machineKubelet()
	config, err := k.config("/")
	if err != nil {
		return err
	}
	for name, content := range map[string]string{
		k.configFile():                       config,
		k.resolver():                         "nameserver 127.0.0.1\n",
		"/etc/systemd/system/" + KubeletUnit: kubeletService(k),
	} {
		file := filepath.Join(m.root(), name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), 0o644)); err != nil {
			return fmt.Errorf("write %q: %w", name, err)
		}
	}
	for _, folder := range []string{k.manifests(), k.Root()} {
		if err := os.MkdirAll(filepath.Join(m.root(), folder), 0o755); err != nil {
			return fmt.Errorf("make a folder for kubelet: %w", err)
		}
	}
	if err := os.Symlink("/run/cri-logshim/kubelet.sock", filepath.Join(m.root(), k.socket())); err != nil {
		return fmt.Errorf("make kubelet's endpoint: %w", err)
	}
	return nil
}

// kubeletService is as kubelet's own unit, as far as that matters here.
func kubeletService(k *Kubelet) string {
	binary := filepath.Join(machineCache, "kubelet-"+KubeletVersion, "bin", "kubelet")
	return `[Unit]
Description=kubelet
Wants=containerd.service
After=containerd.service

[Service]
ExecStart=` + binary + " " + strings.Join(k.flags(), " ") + `
KillMode=process
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
`
}

// RemoveStatic makes kubelet end a pod.
func (m *Machine) RemoveStatic(p StaticPod) error {
	return os.Remove(m.Root(machineKubelet().manifest(p)))
}

// RunStatic makes kubelet run a pod.
func (m *Machine) RunStatic(p StaticPod) error {
	manifest, err := p.Manifest()
	if err != nil {
		return fmt.Errorf("write the manifest of %q: %w", p.Name, err)
	}
	return m.WriteFile(machineKubelet().manifest(p), manifest, 0o600)
}
