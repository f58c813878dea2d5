package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The states of a proxy that ends, and what leads from one to the next:
//
//	serving ──ctx done──▶ grace ──DrainGrace──▶ draining ──no call left──▶ stopped
//	   │                    │                      │ DrainTimeout             ▲
//	   │                    │                      ▼                          │
//	   └──────Abort─────────┴──────Abort────▶ cancelling ─────────────────────┘
//
// grace: the listener is closed, and connections that were accepted just before
// are served. gRPC closes a connection that it accepts in the instant in which a
// graceful stop begins, so without this time a client that connects during a
// restart loses its first call. What connects from now on waits in the backlog
// of a socket that somebody else holds as well, or is refused.
//
// draining: streams that never end by themselves are ended with Unavailable,
// clients are told to send nothing new, and calls in flight are completed. This
// must be short: nobody accepts meanwhile, and an idle second here fails more
// calls than it saves.
//
// cancelling: connections are closed and calls in flight cancelled.
func (p *Proxy) drain(l net.Listener, accepting <-chan error) error {
	p.health.Shutdown()
	err := l.Close()
	if err != nil {
		err = fmt.Errorf("close listener %q: %w", l.Addr(), err)
	}
	if acceptErr := <-accepting; !errors.Is(acceptErr, net.ErrClosed) {
		err = errors.Join(err, acceptErr)
	}

	select {
	case <-time.After(p.drainGrace):
	case <-p.aborted:
	}
	p.endStreams()

	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		p.server.GracefulStop()
	}()
	select {
	case <-stopped:
		return err
	case <-p.aborted:
		err = errors.Join(ErrAborted, err)
	case <-time.After(p.drainTimeout):
		p.log.WithField("timeout", p.drainTimeout).Warn("Cancelling calls that did not end in time")
	}
	p.server.Stop()
	<-stopped
	return err
}

// endEndless is the interceptor that ends endless streams when ending is
// closed. The client is told Unavailable, upon which it comes back.
func endEndless(ending <-chan struct{}) grpc.StreamServerInterceptor {
	errEnding := status.Error(codes.Unavailable, "the CRI proxy is shutting down")
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		if m, _ := lookup(info.FullMethod); !m.endless {
			return handler(srv, ss)
		}
		ctx, cancel := context.WithCancelCause(ss.Context())
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			select {
			case <-ending:
				cancel(errEnding)
			case <-ctx.Done():
			}
		}()
		err := handler(srv, withContext(ctx, ss))
		if errors.Is(context.Cause(ctx), errEnding) {
			err = errEnding
		}
		cancel(nil)
		<-watched
		return err
	}
}
