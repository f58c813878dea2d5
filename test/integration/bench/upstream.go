package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	// upstreamCommand is the argument that makes this program the canned runtime.
	upstreamCommand = "serve-upstream"
	// countLabel in a list's selector asks for that many containers. A list
	// without it is answered with the node's own few.
	countLabel = "bench.cri-logshim.io/containers"
	// maxListed bounds what a list can ask for.
	maxListed = 2000
	// streamBatch is the number of containers in one message of a streaming list.
	streamBatch = 100
	// eventInterval is the pace of container events.
	eventInterval = 50 * time.Millisecond
	// maxMessage is the largest message in bytes that kubelet and runtimes accept.
	maxMessage = 16 << 20
)

// upstream is a CRI runtime whose answers were made beforehand. It encodes them
// for every call, as a runtime does, and does nothing else.
type upstream struct {
	runtimeapi.UnimplementedRuntimeServiceServer
	containers []*runtimeapi.Container // maxListed of them
	managed    int                     // how many a list without countLabel shows
	podLogs    string
	byID       map[string]int // container and sandbox ids
}

// serveUpstream is the canned runtime's process, until ctx is done.
func serveUpstream(ctx context.Context, args []string) error {
	f := flag.NewFlagSet(upstreamCommand, flag.ContinueOnError)
	socket := f.String("socket", "", "unix socket to serve")
	podLogs := f.String("pod-logs", "", "directory of pod logs")
	managed := f.Int("managed", 0, "containers in a list without a selector")
	if err := f.Parse(args); err != nil {
		return err
	}
	u := &upstream{
		containers: cannedContainers(maxListed), managed: *managed,
		podLogs: *podLogs, byID: map[string]int{},
	}
	for n, c := range u.containers {
		u.byID[c.Id], u.byID[c.PodSandboxId] = n, n
	}
	for n := range u.managed {
		if err := createLog(logPath(u.podLogs, n)); err != nil {
			return err
		}
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage))
	runtimeapi.RegisterRuntimeServiceServer(server, u)
	return serveSocket(ctx, server, *socket)
}

// serveSocket serves on a unix socket until ctx is done.
func serveSocket(ctx context.Context, server *grpc.Server, socket string) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", socket)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, server.Stop)()
	if err := server.Serve(listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve %q: %w", socket, err)
	}
	return nil
}

// createLog makes an empty log, as a runtime does when a container is started.
func createLog(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	return file.Close()
}

func (u *upstream) Version(context.Context, *runtimeapi.VersionRequest) (*runtimeapi.VersionResponse, error) {
	return &runtimeapi.VersionResponse{
		Version: "0.1.0", RuntimeName: "canned", RuntimeVersion: "v2.4.2", RuntimeApiVersion: "v1",
	}, nil
}

func (u *upstream) Status(context.Context, *runtimeapi.StatusRequest) (*runtimeapi.StatusResponse, error) {
	return &runtimeapi.StatusResponse{Status: &runtimeapi.RuntimeStatus{Conditions: []*runtimeapi.RuntimeCondition{
		{Type: runtimeapi.RuntimeReady, Status: true}, {Type: runtimeapi.NetworkReady, Status: true},
	}}}, nil
}

func (u *upstream) ListContainers(_ context.Context, r *runtimeapi.ListContainersRequest) (*runtimeapi.ListContainersResponse, error) {
	list, err := u.listed(r.GetFilter())
	if err != nil {
		return nil, err
	}
	return &runtimeapi.ListContainersResponse{Containers: list}, nil
}

func (u *upstream) StreamContainers(r *runtimeapi.StreamContainersRequest, s grpc.ServerStreamingServer[runtimeapi.StreamContainersResponse]) error {
	list, err := u.listed(r.GetFilter())
	if err != nil {
		return err
	}
	for len(list) > 0 {
		n := min(streamBatch, len(list))
		if err := s.Send(&runtimeapi.StreamContainersResponse{Containers: list[:n]}); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

func (u *upstream) listed(filter *runtimeapi.ContainerFilter) ([]*runtimeapi.Container, error) {
	if id := filter.GetId(); id != "" {
		n, ok := u.byID[id]
		if !ok || n >= u.managed {
			return nil, nil
		}
		return u.containers[n : n+1], nil
	}
	want, ok := filter.GetLabelSelector()[countLabel]
	if !ok {
		return u.containers[:u.managed], nil
	}
	n, err := strconv.Atoi(want)
	if err != nil || n < 0 || n > maxListed {
		return nil, status.Errorf(codes.InvalidArgument, "label %s: must be 0 to %d, is %q", countLabel, maxListed, want)
	}
	return u.containers[:n], nil
}

func (u *upstream) ContainerStatus(_ context.Context, r *runtimeapi.ContainerStatusRequest) (*runtimeapi.ContainerStatusResponse, error) {
	n, err := u.find(r.GetContainerId())
	if err != nil {
		return nil, err
	}
	return &runtimeapi.ContainerStatusResponse{Status: cannedStatus(u.podLogs, n)}, nil
}

func (u *upstream) PodSandboxStatus(_ context.Context, r *runtimeapi.PodSandboxStatusRequest) (*runtimeapi.PodSandboxStatusResponse, error) {
	n, err := u.find(r.GetPodSandboxId())
	if err != nil {
		return nil, err
	}
	return &runtimeapi.PodSandboxStatusResponse{Status: cannedSandbox(n)}, nil
}

func (u *upstream) ReopenContainerLog(_ context.Context, r *runtimeapi.ReopenContainerLogRequest) (*runtimeapi.ReopenContainerLogResponse, error) {
	n, err := u.find(r.GetContainerId())
	if err != nil {
		return nil, err
	}
	if err := createLog(logPath(u.podLogs, n)); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &runtimeapi.ReopenContainerLogResponse{}, nil
}

// find is the number of one of the node's own containers or sandboxes.
func (u *upstream) find(id string) (int, error) {
	n, ok := u.byID[id]
	if !ok || n >= u.managed {
		return 0, status.Errorf(codes.NotFound, "no container or sandbox %q", id)
	}
	return n, nil
}

// GetContainerEvents tells of a container every eventInterval until the client leaves.
func (u *upstream) GetContainerEvents(_ *runtimeapi.GetEventsRequest, s grpc.ServerStreamingServer[runtimeapi.ContainerEventResponse]) error {
	ticker := time.NewTicker(eventInterval)
	defer ticker.Stop()
	event := &runtimeapi.ContainerEventResponse{
		ContainerId:        hexID("container", 0),
		ContainerEventType: runtimeapi.ContainerEventType_CONTAINER_STARTED_EVENT,
		PodSandboxStatus:   cannedSandbox(0),
	}
	for {
		select {
		case <-s.Context().Done():
			return nil
		case now := <-ticker.C:
			event.CreatedAt = now.UnixNano()
			if err := s.Send(event); err != nil {
				return err
			}
		}
	}
}
