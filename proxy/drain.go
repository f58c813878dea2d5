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
//	   │                    │                      │ DrainTimeout            ▲ ▲
//	   │                    │                      ▼                         │ │
//	   ├──────Abort─────────┴──────Abort────▶ cancelling ────────────────────┘ │
//	   │                                                                       │
//	   └─Leave─▶ grace ──DrainGrace──▶ leaving ──no call and no stream left────┘
//	                                      └──ctx done──▶ draining
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
// leaving: as draining, while somebody else accepts. So there is no haste, and no
// call and no stream is cut.
//
// cancelling: connections are closed and calls in flight cancelled.
func (p *Proxy) drain(l net.Listener, accepting <-chan error) error {
	p.health.Shutdown()
	err := p.stopAccepting(l, accepting)
	p.endStreams()
	return p.finish(err, p.stopGracefully())
}

// leave is drain for a proxy whose socket another one serves.
func (p *Proxy) leave(ctx context.Context, l net.Listener, accepting <-chan error) error {
	err := p.stopAccepting(l, accepting)
	stopped := p.stopGracefully()
	select {
	case <-stopped:
		return err
	case <-ctx.Done():
		p.endStreams()
	case <-p.aborted:
	}
	return p.finish(err, stopped)
}

// stopAccepting closes the listener and serves its last connections for the grace.
func (p *Proxy) stopAccepting(l net.Listener, accepting <-chan error) error {
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
	return err
}

// stopGracefully tells clients to send nothing new. What it returns is closed when no
// call is left.
func (p *Proxy) stopGracefully() (stopped <-chan struct{}) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.server.GracefulStop()
	}()
	return done
}

// finish waits until no call is left, for as long as these have, and adds to what has
// failed so far.
func (p *Proxy) finish(err error, stopped <-chan struct{}) error {
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
