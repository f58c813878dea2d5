package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"testing"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// makingRuntime is a fakeRuntime whose container is there once it was made.
type makingRuntime struct {
	*fakeRuntime
	made atomic.Bool
}

func (r *makingRuntime) CreateContainer(context.Context, *cri.CreateContainerRequest) (*cri.CreateContainerResponse, error) {
	r.made.Store(true)
	return &cri.CreateContainerResponse{ContainerId: "container"}, nil
}

func (r *makingRuntime) StartContainer(context.Context, *cri.StartContainerRequest) (*cri.StartContainerResponse, error) {
	return &cri.StartContainerResponse{}, nil
}

func (r *makingRuntime) ListContainers(ctx context.Context, req *cri.ListContainersRequest) (*cri.ListContainersResponse, error) {
	if !r.made.Load() {
		return &cri.ListContainersResponse{}, nil
	}
	return r.fakeRuntime.ListContainers(ctx, req)
}

func (r *makingRuntime) ListPodSandbox(context.Context, *cri.ListPodSandboxRequest) (*cri.ListPodSandboxResponse, error) {
	return &cri.ListPodSandboxResponse{Items: []*cri.PodSandbox{{
		Id: "sandbox", Metadata: &cri.PodSandboxMetadata{Name: "pod", Namespace: "ns", Uid: "uid"},
		Labels: r.labels, Annotations: r.annotations,
	}}}, nil
}

// Whoever annotates or labels a pod that has a sandbox changes what kubelet sends when it
// makes the next container, and nothing that the runtime tells later. So that a restart
// changes nothing, and explain shows what is so, all three go by the sandbox's.
func TestPolicyIsTheSandboxes(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t), &makingRuntime{fakeRuntime: newFakeRuntime()}
	p.config.Rotation.MaxSize = 1 << 30
	f.annotations = map[string]string{"cri-logshim.io/maxSize": "64Ki"}
	f.runContainer(t, p.config.PodLogsDir, 64<<10)
	serveRuntime(t, p.config.RuntimeEndpoint, f)
	d := p.serve(t, extras{})
	runtime := cri.NewRuntimeServiceClient(works(t, p))
	_, err := runtime.CreateContainer(t.Context(), &cri.CreateContainerRequest{
		PodSandboxId: "sandbox",
		Config:       &cri.ContainerConfig{Metadata: &cri.ContainerMetadata{Name: "app"}, LogPath: "app/0.log"},
		SandboxConfig: &cri.PodSandboxConfig{
			Metadata:     &cri.PodSandboxMetadata{Name: "pod", Namespace: "ns", Uid: "uid"},
			LogDirectory: filepath.Dir(filepath.Dir(f.logPath)),
			Annotations:  map[string]string{"cri-logshim.io/maxSize": "1Mi"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := runtime.StartContainer(t.Context(), &cri.StartContainerRequest{ContainerId: "container"}); err != nil {
		t.Fatal(err)
	}
	receive(t, "a reopen, since the sandbox's limit is reached", f.reopens)
	d.end(t)

	if err := os.WriteFile(f.logPath, make([]byte, 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	d = p.serve(t, extras{})
	receive(t, "a reopen after a restart", f.reopens)
	d.end(t)

	out, err := exec.CommandContext(t.Context(), "cri-logshim", "explain", "ns/pod/app", "--config", p.file()).CombinedOutput()
	if err != nil || !regexp.MustCompile(`(?m)^maxSize +64Ki +annotation cri-logshim.io/maxSize$`).Match(out) {
		t.Errorf("explain says otherwise: %v\n%s", err, out)
	}
}
