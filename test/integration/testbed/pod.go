package testbed

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// PodConfig is what kubelet would ask for a pod on the machine's network, with the pod's
// log directory below podLogsDir. The caller may change it before RunPod.
func (n *Node) PodConfig(namespace, name string) *runtimeapi.PodSandboxConfig {
	return podConfig(n.PodLogsDir, n.cgroup(), namespace, name)
}

func podConfig(podLogsDir, cgroup, namespace, name string) *runtimeapi.PodSandboxConfig {
	uid := rand.Text()
	return &runtimeapi.PodSandboxConfig{
		Metadata:     &runtimeapi.PodSandboxMetadata{Namespace: namespace, Name: name, Uid: uid},
		LogDirectory: filepath.Join(podLogsDir, namespace+"_"+name+"_"+uid),
		DnsConfig:    &runtimeapi.DNSConfig{Servers: []string{"127.0.0.1"}}, // otherwise the machine's is copied, which may lie below /run
		Labels: map[string]string{
			"io.kubernetes.pod.namespace": namespace,
			"io.kubernetes.pod.name":      name,
			"io.kubernetes.pod.uid":       uid,
		},
		Linux: &runtimeapi.LinuxPodSandboxConfig{
			CgroupParent: cgroup,
			SecurityContext: &runtimeapi.LinuxSandboxSecurityContext{
				NamespaceOptions: &runtimeapi.NamespaceOption{Network: runtimeapi.NamespaceMode_NODE},
			},
		},
	}
}

// ContainerConfig is what kubelet would ask for a container of the Image, with its log at
// <name>/<attempt>.log. The caller may change it before Create.
func ContainerConfig(name string, attempt uint32, command ...string) *runtimeapi.ContainerConfig {
	return &runtimeapi.ContainerConfig{
		Metadata: &runtimeapi.ContainerMetadata{Name: name, Attempt: attempt},
		Image:    &runtimeapi.ImageSpec{Image: Image},
		Command:  command,
		LogPath:  filepath.Join(name, strconv.FormatUint(uint64(attempt), 10)+".log"),
		Labels:   map[string]string{"io.kubernetes.container.name": name},
		Linux: &runtimeapi.LinuxContainerConfig{
			SecurityContext: &runtimeapi.LinuxContainerSecurityContext{
				NamespaceOptions: &runtimeapi.NamespaceOption{Network: runtimeapi.NamespaceMode_NODE},
			},
		},
	}
}

// Pod is a sandbox, and the client to speak to it with.
type Pod struct {
	ID     string
	Config *runtimeapi.PodSandboxConfig
	client *Client
}

// RunPod makes the pod's log directory, as kubelet does, and runs the sandbox.
func (c *Client) RunPod(ctx context.Context, config *runtimeapi.PodSandboxConfig) (*Pod, error) {
	if config.LogDirectory != "" {
		if err := os.MkdirAll(filepath.Join(c.root, config.LogDirectory), 0o755); err != nil {
			return nil, fmt.Errorf("make the pod's log directory: %w", err)
		}
	}
	answer, err := c.RunPodSandbox(ctx, &runtimeapi.RunPodSandboxRequest{Config: config})
	if err != nil {
		return nil, fmt.Errorf("run pod %q: %w", config.Metadata.Name, err)
	}
	return &Pod{ID: answer.PodSandboxId, Config: config, client: c}, nil
}

// Create makes the directory for the container's log, as kubelet does, and creates the
// container in the pod.
func (p *Pod) Create(ctx context.Context, config *runtimeapi.ContainerConfig) (*Container, error) {
	if p.Config.LogDirectory != "" {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(p.client.root, p.Config.LogDirectory, config.LogPath)), 0o755); err != nil {
			return nil, fmt.Errorf("make the directory for a container's log: %w", err)
		}
	}
	answer, err := p.client.CreateContainer(ctx, &runtimeapi.CreateContainerRequest{
		PodSandboxId: p.ID, Config: config, SandboxConfig: p.Config,
	})
	if err != nil {
		return nil, fmt.Errorf("create container %q: %w", config.Metadata.Name, err)
	}
	return &Container{ID: answer.ContainerId, Config: config, Pod: p}, nil
}

// Run creates and starts a container.
func (p *Pod) Run(ctx context.Context, config *runtimeapi.ContainerConfig) (*Container, error) {
	container, err := p.Create(ctx, config)
	if err != nil {
		return nil, err
	}
	return container, container.Start(ctx)
}

// Remove stops and removes the pod with its containers. Its logs stay.
func (p *Pod) Remove(ctx context.Context) error {
	if _, err := p.client.StopPodSandbox(ctx, &runtimeapi.StopPodSandboxRequest{PodSandboxId: p.ID}); err != nil {
		return fmt.Errorf("stop pod %q: %w", p.ID, err)
	}
	if _, err := p.client.RemovePodSandbox(ctx, &runtimeapi.RemovePodSandboxRequest{PodSandboxId: p.ID}); err != nil {
		return fmt.Errorf("remove pod %q: %w", p.ID, err)
	}
	return nil
}
