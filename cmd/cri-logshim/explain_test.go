package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/config"
)

// podRuntime is a runtime that can only be asked what there is.
type podRuntime struct {
	cri.UnimplementedRuntimeServiceServer
	sandboxes  []*cri.PodSandbox
	containers []*cri.Container
	podLogsDir string // empty: the default
}

func (*podRuntime) Version(context.Context, *cri.VersionRequest) (*cri.VersionResponse, error) {
	return &cri.VersionResponse{RuntimeName: "fake"}, nil
}

func (r *podRuntime) ListPodSandbox(context.Context, *cri.ListPodSandboxRequest) (*cri.ListPodSandboxResponse, error) {
	return &cri.ListPodSandboxResponse{Items: r.sandboxes}, nil
}

func (r *podRuntime) ListContainers(_ context.Context, req *cri.ListContainersRequest) (*cri.ListContainersResponse, error) {
	resp := &cri.ListContainersResponse{}
	for _, c := range r.containers {
		if filter := req.GetFilter(); c.PodSandboxId == filter.GetPodSandboxId() || c.Id == filter.GetId() {
			resp.Containers = append(resp.Containers, c)
		}
	}
	return resp, nil
}

// logOfJob is the log path of the pod shop/job.
func (r *podRuntime) logOfJob() string {
	return cmp.Or(r.podLogsDir, config.Default().PodLogsDir) + "/shop_job_uid-s3/new/0.log"
}

// ContainerStatus tells of containers where their log is: that of the pod shop/job.
func (r *podRuntime) ContainerStatus(_ context.Context, req *cri.ContainerStatusRequest) (*cri.ContainerStatusResponse, error) {
	i := slices.IndexFunc(r.containers, func(c *cri.Container) bool { return c.Id == req.GetContainerId() })
	if i < 0 || r.containers[i].PodSandboxId != "s3" {
		return nil, status.Error(codes.Unavailable, "not now")
	}
	c := r.containers[i]
	return &cri.ContainerStatusResponse{Status: &cri.ContainerStatus{Id: c.Id, Metadata: c.Metadata, LogPath: r.logOfJob()}}, nil
}

func (r *podRuntime) PodSandboxStatus(_ context.Context, req *cri.PodSandboxStatusRequest) (*cri.PodSandboxStatusResponse, error) {
	i := slices.IndexFunc(r.sandboxes, func(s *cri.PodSandbox) bool { return s.Id == req.GetPodSandboxId() })
	return &cri.PodSandboxStatusResponse{Status: &cri.PodSandboxStatus{Id: r.sandboxes[i].Id, Metadata: r.sandboxes[i].Metadata}}, nil
}

// sandbox adds one with containers, each given as name and attempt.
func (r *podRuntime) sandbox(id, name string, created int64, state cri.PodSandboxState, annotations map[string]string, containers ...string) {
	namespace, pod, _ := strings.Cut(name, "/")
	r.sandboxes = append(r.sandboxes, &cri.PodSandbox{
		Id: id, State: state, CreatedAt: created, Annotations: annotations,
		Metadata: &cri.PodSandboxMetadata{Namespace: namespace, Name: pod, Uid: "uid-" + id},
		Labels:   map[string]string{"tier": "noisy", "io.kubernetes.pod.name": pod},
	})
	for i, c := range containers {
		var attempt uint32
		if _, err := fmt.Sscanf(c, "%s %d", &c, &attempt); err != nil {
			panic(err)
		}
		r.containers = append(r.containers, &cri.Container{
			Id: fmt.Sprint(id, "-", i), PodSandboxId: id, Metadata: &cri.ContainerMetadata{Name: c, Attempt: attempt},
		})
	}
}

// refusingRuntime answers and tells nothing.
type refusingRuntime struct {
	cri.UnimplementedRuntimeServiceServer
}

func (refusingRuntime) ListPodSandbox(context.Context, *cri.ListPodSandboxRequest) (*cri.ListPodSandboxResponse, error) {
	return nil, status.Error(codes.PermissionDenied, "not for you")
}

// hangUp listens at an endpoint and closes every connection.
func hangUp(t *testing.T, endpoint string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socketOf(endpoint))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		}
	}()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
}

// TestExplain runs the scripts about explain before a runtime with these pods.
func TestExplain(t *testing.T) {
	const ready, notReady = cri.PodSandboxState_SANDBOX_READY, cri.PodSandboxState_SANDBOX_NOTREADY
	r := &podRuntime{}
	r.sandbox("s1", "shop/web-1", 1, ready, map[string]string{
		"cri-logshim.io/maxSize": "500Mi", "app.cri-logshim.io/maxFiles": "7", "cri-logshim.io/max-age": "1h",
		"gone.cri-logshim.io/maxSize": "1Mi", "app.cri-logshim.io/compression": "lz4", "example.com/maxSize": "1",
	}, "sidecar 0", "app 1", "app 3", "app 2")
	r.sandbox("s2", "shop/job", 5, notReady, map[string]string{"cri-logshim.io/maxFiles": "2"}, "old 0")
	r.sandbox("s3", "shop/job", 4, ready, map[string]string{"cri-logshim.io/maxFiles": "3"}, "new 0")
	r.sandbox("s4", "shop/done", 1, notReady, nil, "first 0")
	r.sandbox("s5", "shop/done", 2, notReady, nil, "second 0")
	r.sandbox("s6", "other/web-1", 1, ready, nil, "app 0")
	r.sandbox("s7", "shop/empty", 1, ready, nil)
	endpoint := "unix://" + filepath.Join(t.TempDir(), "runtime.sock")
	serveRuntime(t, endpoint, r)
	other, mute, refusing := endpoint+".other", endpoint+".mute", endpoint+".refusing"
	serveRuntime(t, refusing, refusingRuntime{})
	serveRuntime(t, other, cri.UnimplementedRuntimeServiceServer{})
	hangUp(t, mute)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/explain", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("RUNTIME", endpoint)
			env.Setenv("OTHER", other)
			env.Setenv("MUTE", mute)
			env.Setenv("REFUSING", refusing)
			return nil
		},
	})
}
