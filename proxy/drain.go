package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The states of a proxy that ends, and what leads from one to the next:
//
//	serving ─ctx done─▶ completing ─done, or DrainTimeout─▶ grace ─DrainGrace─▶ closing ─▶ stopped
//	   │                    │                                 │                    │          ▲ ▲
//	   │                    │                                 │                    ▼          │ │
//	   ├──────Abort─────────┴──────Abort──────────────────────┴──────Abort────▶ cancelling ───┘ │
//	   │                                                                                        │
//	   └─Leave─▶ grace ─DrainGrace─▶ leaving ─no call and no stream left────────────────────────┘
//	                                    └──ctx done──▶ closing
//
// completing: everything is served as ever, new calls too, until the calls have ended
// that were in flight when it was told to end. A long one holds up nobody.
//
// grace: the listener is closed, and connections that were accepted just before
// are served. gRPC closes a connection that it accepts in the instant in which a
// graceful stop begins, so without this time a client that connects during a
// restart loses its first call. What connects from now on waits in the backlog
// of a socket that somebody else holds as well, or is refused.
//
// closing: streams that never end by themselves are ended with Unavailable,
// clients are told to send nothing new, and the calls that have come since are
// completed. This must be short: nobody accepts meanwhile, and an idle second here
// fails more calls than it saves. So nobody waits for calls that have had DrainTimeout.
//
// leaving: as closing, while somebody else accepts. So there is no haste, and no
// call and no stream is cut.
//
// cancelling: connections are closed and calls in flight cancelled.
func (p *Proxy) drain(l net.Listener, accepting <-chan error) error {
	p.complete()
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
		p.calls.divide()
		p.endStreams()
		p.complete()
	case <-p.aborted:
	}
	return p.finish(err, stopped)
}

// complete waits until the calls have ended that are in flight, for drainTimeout at most.
func (p *Proxy) complete() {
	p.calls.divide()
	enough := time.After(p.drainTimeout)
	ticker := time.NewTicker(callsInterval)
	defer ticker.Stop()
	for p.calls.before.Load() > 0 {
		select {
		case <-ticker.C:
		case <-enough:
			return
		case <-p.aborted:
			return
		}
	}
}

// stopAccepting closes the listener and serves its last connections for the grace.
func (p *Proxy) stopAccepting(l net.Listener, accepting <-chan error) error {
	close(p.closing)
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

// finish waits until no call is left but those that have had their time, and adds to what
// has failed so far.
func (p *Proxy) finish(err error, stopped <-chan struct{}) error {
	enough := time.After(lastTime)
	ticker := time.NewTicker(callsInterval)
	defer ticker.Stop()
	for settled := 0; settled < settledLooks; {
		select {
		case <-stopped:
			return err
		case <-p.aborted:
			p.server.Stop()
			<-stopped
			return errors.Join(ErrAborted, err)
		case <-enough:
			settled = settledLooks
		case <-ticker.C:
			settled++
			if p.calls.since.Load() > 0 || p.calls.before.Load() == 0 {
				settled = 0
			}
		}
	}
	p.log.WithField("calls", p.calls.before.Load()+p.calls.since.Load()).Warn("cancelling calls that did not end in time")
	p.server.Stop()
	<-stopped
	return err
}

// How the end of calls is waited for.
const (
	callsInterval = 5 * time.Millisecond
	// lastTime is how long calls have that came while others were completed.
	lastTime = time.Second
	// settledLooks is for how many looks none of these may be left: gRPC sends an answer
	// when the call has ended.
	settledLooks = 10
)

// calls are the calls in flight that end by themselves, in two parts once they are divided.
type calls struct {
	divided       atomic.Bool
	before, since atomic.Int64
}

// divide makes what comes from now on count as since.
func (c *calls) divide() { c.divided.Store(true) }

// begin counts a call until the returned part is told that it has ended.
func (c *calls) begin() *atomic.Int64 {
	// Counted first: what divide does not see is seen by whoever looks after it.
	c.before.Add(1)
	if !c.divided.Load() {
		return &c.before
	}
	c.since.Add(1)
	c.before.Add(-1)
	return &c.since
}

// counting is the interceptor that counts calls, and ends endless streams when ending is
// closed. The client is told Unavailable, upon which it comes back.
func (c *calls) counting(ending <-chan struct{}) grpc.StreamServerInterceptor {
	errEnding := status.Error(codes.Unavailable, "the CRI proxy is shutting down")
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		if m, _ := lookup(info.FullMethod); !m.endless {
			defer c.begin().Add(-1)
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
