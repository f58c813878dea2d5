package proxy

import (
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	// A client may compress its messages if both ends can: kubelet and
	// containerd are both built with gzip.
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// forwarder is the one handler of all forwarded methods.
type forwarder struct {
	runtime, image *grpc.ClientConn
	meter          meter

	// requests counts the goroutines that read the requests of bidirectional
	// streams. One of them ends when its stream does, which is a moment after
	// the handler that started it has returned.
	requests sync.WaitGroup
}

// handle forwards one call. Errors of ss are returned as they are, so that an
// interceptor that made one finds it again; errors of the runtime are the status
// that it answered.
func (f *forwarder) handle(_ any, ss grpc.ServerStream) error {
	fullMethod, ok := grpc.MethodFromServerStream(ss)
	if !ok {
		return status.Error(codes.Internal, "the call has no method")
	}
	service, forwarded := serviceOf(fullMethod)
	if !forwarded {
		return status.Errorf(codes.Unimplemented, "unknown service %s", service)
	}
	conn := f.runtime
	if isImageService(service) {
		conn = f.image
	}

	ctx := outgoing(ss.Context())
	switch m, _ := lookup(fullMethod); {
	case m.unary():
		return f.unary(ctx, conn, m, ss)
	case m.endless:
		return f.events(ctx, conn, m, ss)
	case m.serverStream():
		return f.serverStream(ctx, conn, m, ss)
	default:
		return f.bidirectional(ctx, conn, fullMethod, ss)
	}
}

// outgoing gives a call to the runtime the metadata that came with the client's.
// grpc-go leaves out what belongs to the connection (the pseudo headers,
// content-type, user-agent, te), all but one: which compressors the client has
// does not matter upstream, since its messages are unpacked here.
func outgoing(ctx context.Context) context.Context {
	md, _ := metadata.FromIncomingContext(ctx)
	delete(md, "grpc-accept-encoding")
	return metadata.NewOutgoingContext(ctx, md)
}

// unary is the short way: three steps in one goroutine.
func (f *forwarder) unary(ctx context.Context, conn *grpc.ClientConn, m *method, ss grpc.ServerStream) error {
	var request, response Frame
	defer request.free()
	defer response.free()
	if err := ss.RecvMsg(&request); errors.Is(err, io.EOF) {
		// A call without a message. The runtime shall say what it thinks of it.
		return f.meter.upstream(ctx, func() error { return f.bidirectional(ctx, conn, m.info.FullMethod, ss) })
	} else if err != nil {
		return err
	}

	var header, trailer metadata.MD
	err := f.meter.upstream(ctx, func() error {
		return conn.Invoke(ctx, m.info.FullMethod, &request, &response, grpc.Header(&header), grpc.Trailer(&trailer))
	})
	ss.SetTrailer(trailer)
	if headerErr := ss.SetHeader(header); err == nil {
		err = headerErr
	}
	if err != nil {
		return err
	}
	return ss.SendMsg(&response)
}

// serverStream sends one request and copies what comes back.
func (f *forwarder) serverStream(ctx context.Context, conn *grpc.ClientConn, m *method, ss grpc.ServerStream) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	var request Frame
	defer request.free()
	if err := ss.RecvMsg(&request); errors.Is(err, io.EOF) {
		return f.bidirectional(ctx, conn, m.info.FullMethod, ss)
	} else if err != nil {
		return err
	}

	cs, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, m.info.FullMethod)
	if err != nil {
		return err
	}
	if err := cs.SendMsg(&request); err != nil {
		return err
	}
	return copyResponses(cs, ss)
}

// bidirectional copies both ways at once.
func (f *forwarder) bidirectional(ctx context.Context, conn *grpc.ClientConn, fullMethod string, ss grpc.ServerStream) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	cs, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, fullMethod)
	if err != nil {
		return err
	}
	f.requests.Go(func() {
		if err := copyRequests(ss, cs); err != nil {
			cancel(err)
		}
	})
	err = copyResponses(cs, ss)
	// An error on the way up has cancelled the way down, and is the cause of
	// what came back there. A client that left needs no answer.
	if cause := context.Cause(ctx); cause != nil && ss.Context().Err() == nil {
		return cause
	}
	return err
}

// copyRequests copies until the client has sent everything. It returns only
// errors of the client's side; those of the runtime's side are found by who
// receives from it.
func copyRequests(ss grpc.ServerStream, cs grpc.ClientStream) error {
	var frame Frame
	defer frame.free()
	for {
		if err := ss.RecvMsg(&frame); errors.Is(err, io.EOF) {
			return cs.CloseSend()
		} else if err != nil {
			return err
		}
		if err := cs.SendMsg(&frame); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// copyResponses copies until the runtime has answered everything. The header
// goes out when it comes in: a client may wait for it long before there is a
// first message.
func copyResponses(cs grpc.ClientStream, ss grpc.ServerStream) error {
	header, err := cs.Header()
	if err != nil {
		return err
	}
	if header != nil { // else the trailer is all there is
		if err := ss.SendHeader(header); err != nil {
			return err
		}
	}

	var frame Frame
	defer frame.free()
	for {
		if err := cs.RecvMsg(&frame); err != nil {
			ss.SetTrailer(cs.Trailer())
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := ss.SendMsg(&frame); err != nil {
			return err
		}
	}
}
