package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// fakeRuntime is a runtime with at most one container, some of whose calls last
// for as long as a test wants.
type fakeRuntime struct {
	cri.UnimplementedRuntimeServiceServer
	logPath string // of its one running container; empty: there is none
	id      string // of that

	labels, annotations map[string]string // of its pod

	entered chan string   // names of calls that last, when they have arrived
	release chan struct{} // lets an ExecSync end
	left    chan string   // names of calls that last, when they have ended
	reopens chan string   // ids of the containers whose log was reopened
}

func newFakeRuntime() *fakeRuntime {
	return &fakeRuntime{
		id: "container", entered: make(chan string, 10), release: make(chan struct{}), left: make(chan string, 10), reopens: make(chan string, 1000),
	}
}

// serve offers the runtime at the endpoint, until stop is called.
func (f *fakeRuntime) serve(t *testing.T, endpoint string) (stop func()) {
	t.Helper()
	return serveRuntime(t, endpoint, f)
}

// serveRuntime offers any runtime at the endpoint, until stop is called.
func serveRuntime(t *testing.T, endpoint string, f cri.RuntimeServiceServer) (stop func()) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socketOf(endpoint))
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	cri.RegisterRuntimeServiceServer(server, f)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	stop = sync.OnceFunc(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("fake runtime: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func (f *fakeRuntime) Version(_ context.Context, req *cri.VersionRequest) (*cri.VersionResponse, error) {
	return &cri.VersionResponse{RuntimeName: "fake", Version: req.Version}, nil
}

func (f *fakeRuntime) ExecSync(ctx context.Context, _ *cri.ExecSyncRequest) (*cri.ExecSyncResponse, error) {
	f.entered <- "ExecSync"
	defer func() { f.left <- "ExecSync" }()
	select {
	case <-f.release:
		return &cri.ExecSyncResponse{Stdout: []byte("done")}, nil
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

func (f *fakeRuntime) GetContainerEvents(_ *cri.GetEventsRequest, ss grpc.ServerStreamingServer[cri.ContainerEventResponse]) error {
	if err := ss.Send(&cri.ContainerEventResponse{ContainerId: "first"}); err != nil {
		return err
	}
	f.entered <- "GetContainerEvents"
	<-ss.Context().Done()
	f.left <- "GetContainerEvents"
	return status.FromContextError(ss.Context().Err()).Err()
}

func (f *fakeRuntime) ListContainers(context.Context, *cri.ListContainersRequest) (*cri.ListContainersResponse, error) {
	if f.logPath == "" {
		return &cri.ListContainersResponse{}, nil
	}
	return &cri.ListContainersResponse{Containers: []*cri.Container{{
		Id: f.id, PodSandboxId: "sandbox", State: cri.ContainerState_CONTAINER_RUNNING, Metadata: &cri.ContainerMetadata{Name: "app"},
	}}}, nil
}

func (f *fakeRuntime) ContainerStatus(context.Context, *cri.ContainerStatusRequest) (*cri.ContainerStatusResponse, error) {
	return &cri.ContainerStatusResponse{Status: &cri.ContainerStatus{
		Id: f.id, State: cri.ContainerState_CONTAINER_RUNNING, LogPath: f.logPath, Metadata: &cri.ContainerMetadata{Name: "app"},
	}}, nil
}

func (f *fakeRuntime) PodSandboxStatus(context.Context, *cri.PodSandboxStatusRequest) (*cri.PodSandboxStatusResponse, error) {
	return &cri.PodSandboxStatusResponse{Status: &cri.PodSandboxStatus{
		Id: "sandbox", Metadata: &cri.PodSandboxMetadata{Name: "pod", Namespace: "ns", Uid: "uid"}, Labels: f.labels, Annotations: f.annotations,
	}}, nil
}

func (f *fakeRuntime) ReopenContainerLog(_ context.Context, req *cri.ReopenContainerLogRequest) (*cri.ReopenContainerLogResponse, error) {
	log, err := os.OpenFile(f.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		err = log.Close()
	}
	if err != nil {
		return nil, status.Error(codes.Unknown, err.Error())
	}
	f.reopens <- req.ContainerId
	return &cri.ReopenContainerLogResponse{}, nil
}

// runContainer gives the runtime a container whose log has this many bytes.
func (f *fakeRuntime) runContainer(t *testing.T, podLogsDir string, size int) {
	t.Helper()
	f.logPath = filepath.Join(podLogsDir, "ns_pod_uid", "app", "0.log")
	if err := os.MkdirAll(filepath.Dir(f.logPath), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.logPath, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
}

// dial returns a connection as kubelet has one.
func dial(t *testing.T, endpoint string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// callVersion makes the simplest of calls.
func callVersion(t *testing.T, conn grpc.ClientConnInterface, options ...grpc.CallOption) error {
	t.Helper()
	_, err := cri.NewRuntimeServiceClient(conn).Version(t.Context(), &cri.VersionRequest{Version: "0.1.0"}, options...)
	return err
}

// works waits until a call through the daemon reaches the runtime.
func works(t *testing.T, p *place) *grpc.ClientConn {
	t.Helper()
	eventually(t, "the daemon's socket", func() bool { return exists(t, socketOf(p.config.Listen)) })
	conn := dial(t, p.config.Listen)
	eventually(t, "a call to reach the runtime", func() bool { return callVersion(t, conn) == nil })
	return conn
}

func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Lstat(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return err == nil
}
