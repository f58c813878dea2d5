package proxy

import (
	"context"
	"time"

	"google.golang.org/grpc"
)

// delays is what a unary call has waited for others. It belongs to the one goroutine that
// handles the call.
type delays struct{ waited time.Duration }

type delaysKey struct{}

// delaysOf is nil where nobody wants to know.
func delaysOf(ctx context.Context) *delays {
	d, _ := ctx.Value(delaysKey{}).(*delays)
	return d
}

// meter tells what this process adds to the time of calls.
type meter struct {
	now   func() time.Time
	added func(fullMethod string, d time.Duration)
}

// intercept measures unary calls: how long each is handled, less what it waits for its request and
// for the runtime. Streams last for as long as both ends please, so of them that says nothing.
func (w meter) intercept(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	m, known := lookup(info.FullMethod)
	if !known || !m.unary() {
		return handler(srv, ss)
	}
	call := &timedCall{ServerStream: ss, meter: w}
	call.ctx = context.WithValue(ss.Context(), delaysKey{}, &call.delays)
	began := w.now()
	defer func() { w.added(m.info.FullMethod, w.now().Sub(began)-call.waited) }()
	return handler(srv, call)
}

// timedCall is a unary call whose delays are known.
type timedCall struct {
	grpc.ServerStream
	meter
	delays
	received bool // the request, or that there is none
	//nolint:containedctx // a stream carries its context: that is gRPC's interface
	ctx context.Context
}

func (c *timedCall) Context() context.Context { return c.ctx }

// RecvMsg waits for the client, who may send the request long after the header. Where that is
// missing, another goroutine waits for what comes instead while this one waits for the runtime,
// whose time it is then.
func (c *timedCall) RecvMsg(m any) error {
	if c.received {
		return c.ServerStream.RecvMsg(m)
	}
	c.received = true
	began := c.now()
	defer func() { c.waited += c.now().Sub(began) }()
	return c.ServerStream.RecvMsg(m)
}

// upstream does what waits for the runtime.
func (w meter) upstream(ctx context.Context, do func() error) error {
	d := delaysOf(ctx)
	if d == nil {
		return do()
	}
	began := w.now()
	defer func() { d.waited += w.now().Sub(began) }()
	return do()
}
