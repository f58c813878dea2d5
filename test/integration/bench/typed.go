package main

import (
	"context"
	"errors"
	"flag"
	"io"

	"google.golang.org/grpc"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// typedCommand is the argument that makes this program the typed proxy.
const typedCommand = "serve-typed"

// typed is the plain way to write a CRI proxy: the generated server decodes a
// message, the generated client encodes it again, and the answer goes the same
// way back. It does nothing else, so it is the least that such a proxy costs.
type typed struct {
	runtimeapi.UnimplementedRuntimeServiceServer
	next runtimeapi.RuntimeServiceClient
}

// serveTyped is the typed proxy's process, until ctx is done.
func serveTyped(ctx context.Context, args []string) (err error) {
	f := flag.NewFlagSet(typedCommand, flag.ContinueOnError)
	socket := f.String("socket", "", "unix socket to serve")
	next := f.String("upstream", "", "unix socket of the runtime")
	if err := f.Parse(args); err != nil {
		return err
	}
	conn, err := dialSocket(*next)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage))
	runtimeapi.RegisterRuntimeServiceServer(server, &typed{next: runtimeapi.NewRuntimeServiceClient(conn)})
	return serveSocket(ctx, server, *socket)
}

func (t *typed) Version(ctx context.Context, r *runtimeapi.VersionRequest) (*runtimeapi.VersionResponse, error) {
	return t.next.Version(ctx, r)
}

func (t *typed) ListContainers(ctx context.Context, r *runtimeapi.ListContainersRequest) (*runtimeapi.ListContainersResponse, error) {
	return t.next.ListContainers(ctx, r)
}

func (t *typed) StreamContainers(r *runtimeapi.StreamContainersRequest, s grpc.ServerStreamingServer[runtimeapi.StreamContainersResponse]) error {
	in, err := t.next.StreamContainers(s.Context(), r)
	if err != nil {
		return err
	}
	return relay(in, s)
}

func (t *typed) GetContainerEvents(r *runtimeapi.GetEventsRequest, s grpc.ServerStreamingServer[runtimeapi.ContainerEventResponse]) error {
	in, err := t.next.GetContainerEvents(s.Context(), r)
	if err != nil {
		return err
	}
	return relay(in, s)
}

// relay passes on every message of a stream until it ends.
func relay[M any](in grpc.ServerStreamingClient[M], out grpc.ServerStreamingServer[M]) error {
	for {
		m, err := in.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := out.Send(m); err != nil {
			return err
		}
	}
}
