package criruntime

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeRuntime is a runtime with one sandbox that holds all containers, unless it
// lists others.
type fakeRuntime struct {
	cri.UnimplementedRuntimeServiceServer
	containers          []*cri.Container
	sandbox             *cri.PodSandboxMetadata
	sandboxes           []*cri.PodSandbox
	labels, annotations map[string]string                              // of the sandbox
	fail                func(ctx context.Context, method string) error // asked first by every method
	version             *cri.VersionResponse
	events              chan *cri.ContainerEventResponse // nil: it has none; nil in it ends a stream

	mu    sync.Mutex
	calls []string // full methods, also of services that it does not have
}

func (f *fakeRuntime) ListContainers(_ context.Context, req *cri.ListContainersRequest) (*cri.ListContainersResponse, error) {
	resp := &cri.ListContainersResponse{}
	for _, c := range f.containers {
		id, sandbox := req.GetFilter().GetId(), req.GetFilter().GetPodSandboxId()
		if (id == "" || id == c.Id) && (sandbox == "" || sandbox == c.PodSandboxId) {
			resp.Containers = append(resp.Containers, c)
		}
	}
	return resp, nil
}

func (f *fakeRuntime) ListPodSandbox(context.Context, *cri.ListPodSandboxRequest) (*cri.ListPodSandboxResponse, error) {
	return &cri.ListPodSandboxResponse{Items: f.sandboxes}, nil
}

func (f *fakeRuntime) ContainerStatus(_ context.Context, req *cri.ContainerStatusRequest) (*cri.ContainerStatusResponse, error) {
	for _, c := range f.containers {
		if c.Id == req.ContainerId {
			return &cri.ContainerStatusResponse{Status: &cri.ContainerStatus{
				Id: c.Id, Metadata: c.Metadata, State: c.State, LogPath: "/pods/" + c.Id + "/0.log",
			}}, nil
		}
	}
	return nil, status.Errorf(codes.NotFound, "container %q", req.ContainerId)
}

func (f *fakeRuntime) PodSandboxStatus(_ context.Context, req *cri.PodSandboxStatusRequest) (*cri.PodSandboxStatusResponse, error) {
	return &cri.PodSandboxStatusResponse{Status: &cri.PodSandboxStatus{Id: req.PodSandboxId, Metadata: f.sandbox, Labels: f.labels, Annotations: f.annotations}}, nil
}

func (f *fakeRuntime) Version(context.Context, *cri.VersionRequest) (*cri.VersionResponse, error) {
	return f.version, nil
}

func (f *fakeRuntime) GetContainerEvents(_ *cri.GetEventsRequest, stream cri.RuntimeService_GetContainerEventsServer) error {
	f.note("/" + newName + ".RuntimeService/GetContainerEvents")
	if f.events == nil {
		return errors.New("not implemented")
	}
	for {
		select {
		case event := <-f.events:
			if event == nil {
				return nil
			}
			if err := stream.Send(event); err != nil {
				return err
			}
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

func (f *fakeRuntime) ReopenContainerLog(context.Context, *cri.ReopenContainerLogRequest) (*cri.ReopenContainerLogResponse, error) {
	return &cri.ReopenContainerLogResponse{}, nil
}

// take returns the full methods that were called since it was last asked.
func (f *fakeRuntime) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

func (f *fakeRuntime) note(fullMethod string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fullMethod)
}

// serve offers the runtime at path in the given versions of CRI, until stop is
// called. A call in flight is cut off then.
func (f *fakeRuntime) serve(t *testing.T, path string, versions ...string) (stop func()) {
	t.Helper()
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(
		grpc.UnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			f.note(info.FullMethod)
			if f.fail != nil {
				if err := f.fail(ctx, filepath.Base(info.FullMethod)); err != nil {
					return nil, err
				}
			}
			return handler(ctx, req)
		}),
		grpc.UnknownServiceHandler(func(_ any, ss grpc.ServerStream) error {
			method, _ := grpc.MethodFromServerStream(ss)
			f.note(method)
			return status.Errorf(codes.Unimplemented, "unknown service of %s", method)
		}))
	for _, version := range versions {
		service := cri.RuntimeService_ServiceDesc
		service.ServiceName = version + ".RuntimeService"
		// The generated code tells the interceptor v1's name whatever the service.
		service.Methods = renamed(service)
		server.RegisterService(&service, f)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	stop = sync.OnceFunc(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func renamed(service grpc.ServiceDesc) []grpc.MethodDesc {
	var methods []grpc.MethodDesc
	for _, m := range service.Methods {
		handler := m.Handler
		m.Handler = func(srv any, ctx context.Context, dec func(any) error, next grpc.UnaryServerInterceptor) (any, error) {
			return handler(srv, ctx, dec, func(ctx context.Context, req any, info *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
				own := *info
				own.FullMethod = fmt.Sprintf("/%s/%s", service.ServiceName, filepath.Base(info.FullMethod))
				return next(ctx, req, &own, h)
			})
		}
		methods = append(methods, m)
	}
	return methods
}

// connect returns a Runtime that asks whoever serves at path.
func connect(t *testing.T, path string) *Runtime {
	t.Helper()
	conn, err := grpc.NewClient("unix://"+path, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1, MaxDelay: 10 * time.Millisecond},
			MinConnectTimeout: time.Minute, // else the backoff is all the time that a connect has
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return New(conn)
}

func socket(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cri.sock")
	if strings.ContainsAny(path, "#?%") || len(path) > 107 {
		t.Fatalf("the test's name makes no path for a socket: %s", path)
	}
	return path
}
