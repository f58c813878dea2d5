package testbed

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// StaticPod is a pod of containers of the Image on the machine's network. With a Command
// instead of Containers it has one container, named as AppContainer.
type StaticPod struct {
	Name        string // without the node's name
	Annotations map[string]string
	Command     []string
	Init        []StaticContainer // run one after the other before the others
	Containers  []StaticContainer
	Restart     string        // Always, OnFailure or Never
	Grace       time.Duration // between SIGTERM and SIGKILL, in whole seconds; 0: one second
	Scratch     string        // where all containers see a folder that lives as long as the pod; empty: nowhere
}

// StaticContainer is one of a pod's containers.
type StaticContainer struct {
	Name    string
	Image   string // empty: the Image
	Command []string
	Env     map[string]string
	Stdin   bool // it has a standard input, which stays open
}

// AppContainer is the name of a static pod's only container.
const AppContainer = "app"

// Namespace is where the pods of a kubelet are.
const Namespace = "default"

// FullName is the pod's name with the node's, which kubelet adds.
func (p StaticPod) FullName() string { return p.Name + "-" + NodeName }

// Manifest is the pod for kubelet or an API server, in JSON. It is bound to NodeName.
func (p StaticPod) Manifest() ([]byte, error) {
	var volumes []map[string]any
	if p.Scratch != "" {
		volumes = append(volumes, map[string]any{"name": scratch, "emptyDir": map[string]any{}})
	}
	return json.Marshal(map[string]any{
		"apiVersion": "v1",
		"kind":       "Pod",
		"metadata":   map[string]any{"name": p.Name, "namespace": Namespace, "annotations": p.Annotations},
		"spec": map[string]any{
			"nodeName":                      NodeName,
			"hostNetwork":                   true,
			"dnsPolicy":                     "Default",
			"enableServiceLinks":            false,
			"automountServiceAccountToken":  false,
			"restartPolicy":                 p.Restart,
			"terminationGracePeriodSeconds": max(1, int(p.Grace/time.Second)),
			"volumes":                       volumes,
			"initContainers":                p.manifests(p.Init),
			"containers":                    p.manifests(p.containers()),
		},
	})
}

// FirstContainer is the name of the first of the pod's containers.
func (p StaticPod) FirstContainer() string { return p.containers()[0].Name }

func (p StaticPod) containers() []StaticContainer {
	if len(p.Containers) == 0 {
		return []StaticContainer{{Name: AppContainer, Command: p.Command}}
	}
	return p.Containers
}

const scratch = "scratch" // the name of the volume

func (p StaticPod) manifests(containers []StaticContainer) []map[string]any {
	var mounts, all []map[string]any
	if p.Scratch != "" {
		mounts = append(mounts, map[string]any{"name": scratch, "mountPath": p.Scratch})
	}
	for _, c := range containers {
		var env []map[string]string
		for _, name := range slices.Sorted(maps.Keys(c.Env)) {
			env = append(env, map[string]string{"name": name, "value": c.Env[name]})
		}
		all = append(all, map[string]any{
			"name": c.Name, "image": cmp.Or(c.Image, Image), "imagePullPolicy": "Never", "command": c.Command, "env": env, "stdin": c.Stdin,
			"volumeMounts": mounts,
		})
	}
	return all
}

// Run makes kubelet run a static pod. It does not wait for it.
func (k *Kubelet) Run(p StaticPod) error {
	text, err := p.Manifest()
	whole := filepath.Join(k.dir, "manifest.new") // kubelet shall not see half of it
	if err == nil {
		err = os.WriteFile(whole, text, 0o600)
	}
	if err == nil {
		err = os.Rename(whole, k.manifest(p))
	}
	if err != nil {
		return fmt.Errorf("run static pod %q: %w", p.Name, err)
	}
	return nil
}

// Delete makes kubelet end and remove a static pod. It does not wait for it.
func (k *Kubelet) Delete(p StaticPod) error {
	if err := os.Remove(k.manifest(p)); err != nil {
		return fmt.Errorf("delete static pod %q: %w", p.Name, err)
	}
	return nil
}

func (k *Kubelet) manifest(p StaticPod) string { return filepath.Join(k.manifests(), p.Name+".json") }

// Containers are the containers of a static pod that the runtime knows, the newest first.
func (k *Kubelet) Containers(ctx context.Context, p StaticPod) ([]*Container, error) {
	answer, err := k.client.ListContainers(ctx, &runtimeapi.ListContainersRequest{Filter: &runtimeapi.ContainerFilter{
		LabelSelector: map[string]string{"io.kubernetes.pod.name": p.FullName(), "io.kubernetes.pod.namespace": Namespace},
	}})
	if err != nil {
		return nil, fmt.Errorf("list the containers of static pod %q: %w", p.Name, err)
	}
	slices.SortStableFunc(answer.Containers, func(a, b *runtimeapi.Container) int { return cmp.Compare(b.CreatedAt, a.CreatedAt) })
	var found []*Container
	for _, c := range answer.Containers {
		uid := c.Labels["io.kubernetes.pod.uid"]
		found = append(found, &Container{
			ID:     c.Id,
			Config: &runtimeapi.ContainerConfig{Metadata: c.Metadata, LogPath: fmt.Sprintf("%s/%d.log", c.Metadata.Name, c.Metadata.Attempt)},
			Pod: &Pod{ID: c.PodSandboxId, client: k.client, Config: &runtimeapi.PodSandboxConfig{
				Metadata:     &runtimeapi.PodSandboxMetadata{Name: p.FullName(), Namespace: Namespace, Uid: uid},
				LogDirectory: filepath.Join(k.PodLogsDir, strings.Join([]string{Namespace, p.FullName(), uid}, "_")),
			}},
		})
	}
	return found, nil
}

// Running waits until a static pod's container, the first if it has several, runs or has
// run, and returns its newest attempt.
func (k *Kubelet) Running(ctx context.Context, p StaticPod) (*Container, error) {
	return k.RunningContainer(ctx, p, p.FirstContainer())
}

// RunningContainer is Running for a container by its name.
func (k *Kubelet) RunningContainer(ctx context.Context, p StaticPod, name string) (*Container, error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	var found *Container
	err := Until(ctx, func(ctx context.Context) error {
		containers, err := k.Containers(ctx, p)
		if err != nil {
			return err
		}
		newest := slices.IndexFunc(containers, func(c *Container) bool { return c.Config.Metadata.Name == name })
		if newest < 0 {
			return fmt.Errorf("kubelet has not yet made container %q", name)
		}
		found = containers[newest]
		status, err := found.Status(ctx)
		if err == nil && status.State == runtimeapi.ContainerState_CONTAINER_CREATED {
			err = errors.New("its container is not yet started")
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("wait for static pod %q: %w\n%s", p.Name, err, k.Log())
	}
	return found, nil
}

// Get asks kubelet's own API for a path, as "/stats/summary". Another status than 200 is
// an error.
func (k *Kubelet) Get(ctx context.Context, path string) (text string, err error) {
	network := k.options.Network
	client := network.client(&http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // kubelet signs for itself
		DisableKeepAlives: true,
	})
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://%s:%d%s", network.address(), k.port, path), nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", fmt.Errorf("ask kubelet for %q: %w", path, err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", fmt.Errorf("read %q of kubelet: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		return string(body), fmt.Errorf("ask kubelet for %q: status %d: %.500s", path, response.StatusCode, body)
	}
	return string(body), nil
}
