package proxy

import (
	"context"

	"google.golang.org/grpc"
)

// unknownMethod stands for every method that Describe does not know, so that a
// client cannot make a label, or a time series, with every name it invents.
const unknownMethod = "/unknown/unknown"

// WithRealInfo hands next the StreamServerInfo that the method really has,
// where the server would tell it that every method streams both ways. All
// methods that Describe does not know are told to it as /unknown/unknown. The
// info is shared between calls and must not be changed.
func WithRealInfo(next grpc.StreamServerInterceptor) grpc.StreamServerInterceptor {
	unknown := unknownInfo()
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		m, known := lookup(info.FullMethod)
		if !known {
			return next(srv, ss, unknown, handler)
		}
		return next(srv, ss, &m.info, handler)
	}
}

// WithRealKind is WithRealInfo for a pair of interceptors that tell unary calls
// from streams by which of the two is called, as the metrics of go-grpc-middleware
// do (its stream interceptor takes a method that streams neither way for a
// bidirectional one). The unary one sees neither request nor response: both are
// nil, and what it returns as a response is not used.
func WithRealKind(unary grpc.UnaryServerInterceptor, stream grpc.StreamServerInterceptor) grpc.StreamServerInterceptor {
	unknown := unknownInfo()
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		m, known := lookup(info.FullMethod)
		switch {
		case !known:
			return stream(srv, ss, unknown, handler)
		case !m.unary():
			return stream(srv, ss, &m.info, handler)
		}
		_, err := unary(ss.Context(), nil, &grpc.UnaryServerInfo{Server: srv, FullMethod: m.info.FullMethod},
			func(ctx context.Context, _ any) (any, error) {
				return nil, handler(srv, withContext(ctx, ss))
			})
		return err
	}
}

func unknownInfo() *grpc.StreamServerInfo {
	return &grpc.StreamServerInfo{FullMethod: unknownMethod, IsClientStream: true, IsServerStream: true}
}

// contextStream is a server stream with another context.
type contextStream struct {
	grpc.ServerStream
	//nolint:containedctx // a stream carries its context: that is gRPC's interface
	ctx context.Context
}

func (s *contextStream) Context() context.Context { return s.ctx }

func withContext(ctx context.Context, ss grpc.ServerStream) grpc.ServerStream {
	if ctx == ss.Context() {
		return ss
	}
	return &contextStream{ServerStream: ss, ctx: ctx}
}
