// Package recorder is an upstream for the proxy's tests: a gRPC server for every
// method that records what arrives, byte for byte, and answers what a script
// tells it. It does not know CRI.
package recorder

import (
	"context"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// MaxMessage is the limit of kubelet and of containerd, in bytes.
const MaxMessage = 16 << 20

// Script answers one call. Its error is the call's status.
type Script func(*Call) error

// Call is one call as it arrived.
type Call struct {
	Method string
	// Metadata includes content-type, :authority and user-agent.
	Metadata metadata.MD
	// Deadline is zero if there is none.
	Deadline time.Time
	// Ended is closed when the call is over for the server: answered, cancelled
	// or cut off.
	Ended <-chan struct{}

	stream   grpc.ServerStream
	mu       sync.Mutex
	requests [][]byte
}

// Context is the call's context.
func (c *Call) Context() context.Context { return c.stream.Context() }

// Header sends the header now.
func (c *Call) Header(md metadata.MD) error { return c.stream.SendHeader(md) }

// SetHeader adds to the header that goes out with what comes next.
func (c *Call) SetHeader(md metadata.MD) error { return c.stream.SetHeader(md) }

// Trailer adds to the trailer.
func (c *Call) Trailer(md metadata.MD) { c.stream.SetTrailer(md) }

// Recv receives and records one message.
func (c *Call) Recv() ([]byte, error) {
	var b []byte
	if err := c.stream.RecvMsg(&b); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, b)
	return b, nil
}

// Send sends one message.
func (c *Call) Send(b []byte) error { return c.stream.SendMsg(&b) }

// Requests are the messages received so far.
func (c *Call) Requests() [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([][]byte(nil), c.requests...)
}

// Upstream is a running server.
type Upstream struct {
	server *grpc.Server
	stop   func() error

	mu    sync.Mutex
	calls []*Call
	more  chan struct{} // closed and replaced when calls grows
}

// Start serves on the socket at path.
func Start(path string, script Script) (*Upstream, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	u := &Upstream{more: make(chan struct{})}
	u.server = grpc.NewServer(
		grpc.ForceServerCodecV2(Codec{}),
		grpc.MaxRecvMsgSize(MaxMessage),
		grpc.MaxSendMsgSize(MaxMessage),
		grpc.WaitForHandlers(true),
		grpc.UnknownServiceHandler(func(_ any, ss grpc.ServerStream) error {
			return u.handle(ss, script)
		}),
	)
	served := make(chan error, 1)
	go func() { served <- u.server.Serve(l) }()
	u.stop = sync.OnceValue(func() error {
		u.server.Stop()
		return <-served
	})
	return u, nil
}

func (u *Upstream) handle(ss grpc.ServerStream, script Script) error {
	ended := make(chan struct{})
	defer close(ended)
	call := &Call{Ended: ended, stream: ss}
	call.Method, _ = grpc.MethodFromServerStream(ss)
	call.Metadata, _ = metadata.FromIncomingContext(ss.Context())
	call.Deadline, _ = ss.Context().Deadline()

	u.mu.Lock()
	u.calls = append(u.calls, call)
	close(u.more)
	u.more = make(chan struct{})
	u.mu.Unlock()
	return script(call)
}

// Calls are the calls that have arrived so far, in order.
func (u *Upstream) Calls() []*Call {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]*Call(nil), u.calls...)
}

// Call waits for the call of that index, the first one being 0.
func (u *Upstream) Call(ctx context.Context, index int) (*Call, error) {
	for {
		u.mu.Lock()
		calls, more := u.calls, u.more
		u.mu.Unlock()
		if index < len(calls) {
			return calls[index], nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Stop ends the server as a crash would: connections are closed with calls in
// flight. Stopping again does nothing.
func (u *Upstream) Stop() error { return u.stop() }
