package testbed

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// StaticPod is a pod with one container of the Image, named as AppContainer.
type StaticPod struct {
	Name    string   // without the node's name
	Command []string // of the container
	Restart string   // Always, OnFailure or Never
}

// AppContainer is the name of a static pod's container.
const AppContainer = "app"

// staticNamespace is where static pods are.
const staticNamespace = "default"

// FullName is the pod's name with the node's, which kubelet adds.
func (p StaticPod) FullName() string { return p.Name + "-" + kubeletNode }

// Run makes kubelet run a static pod. It does not wait for it.
func (k *Kubelet) Run(p StaticPod) error {
	text, err := json.Marshal(map[string]any{
		"apiVersion": "v1",
		"kind":       "Pod",
		"metadata":   map[string]any{"name": p.Name, "namespace": staticNamespace},
		"spec": map[string]any{
			"hostNetwork":                   true,
			"dnsPolicy":                     "Default",
			"restartPolicy":                 p.Restart,
			"terminationGracePeriodSeconds": 1,
			"containers": []map[string]any{{
				"name": AppContainer, "image": Image, "imagePullPolicy": "Never", "command": p.Command,
			}},
		},
	})
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
		LabelSelector: map[string]string{"io.kubernetes.pod.name": p.FullName(), "io.kubernetes.pod.namespace": staticNamespace},
	}})
	if err != nil {
		return nil, fmt.Errorf("list the containers of static pod %q: %w", p.Name, err)
	}
	var found []*Container
	for _, c := range answer.Containers {
		uid := c.Labels["io.kubernetes.pod.uid"]
		found = append(found, &Container{
			ID:     c.Id,
			Config: &runtimeapi.ContainerConfig{Metadata: c.Metadata, LogPath: fmt.Sprintf("%s/%d.log", c.Metadata.Name, c.Metadata.Attempt)},
			Pod: &Pod{ID: c.PodSandboxId, client: k.client, Config: &runtimeapi.PodSandboxConfig{
				Metadata:     &runtimeapi.PodSandboxMetadata{Name: p.FullName(), Namespace: staticNamespace, Uid: uid},
				LogDirectory: filepath.Join(k.PodLogsDir, strings.Join([]string{staticNamespace, p.FullName(), uid}, "_")),
			}},
		})
	}
	return found, nil
}

// Running waits until a static pod's container runs or has run, and returns it.
func (k *Kubelet) Running(ctx context.Context, p StaticPod) (*Container, error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	var found *Container
	err := Until(ctx, func(ctx context.Context) error {
		containers, err := k.Containers(ctx, p)
		if err != nil {
			return err
		}
		if len(containers) == 0 {
			return errors.New("kubelet has not yet made its container")
		}
		found = containers[0]
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
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // kubelet signs for itself
		DisableKeepAlives: true,
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://127.0.0.1:%d%s", k.port, path), nil)
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
