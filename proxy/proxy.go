package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/cri-logshim/cri-logshim/event"
)

// ErrAborted is what Serve returns after Abort.
var ErrAborted = errors.New("aborted")

// What Options leaves out.
const (
	defaultDrainGrace   = 100 * time.Millisecond
	defaultDrainTimeout = time.Second
)

// Options says what to forward where.
type Options struct {
	// RuntimeEndpoint is the runtime's socket, as unix:///path.
	RuntimeEndpoint string
	// ImageEndpoint is the socket of the image service. Empty means
	// RuntimeEndpoint.
	ImageEndpoint string
	// Interceptors surround the forwarding of every call, the first one being
	// the outermost. The stream that they wrap receives and sends *Frame; all
	// methods appear to them as bidirectional streams (see WithRealInfo).
	Interceptors []grpc.StreamServerInterceptor
	// DrainGrace is how long Serve goes on serving after it has closed the
	// listener. Zero means 100 ms.
	DrainGrace time.Duration
	// DrainTimeout is how long calls in flight have to complete, while everything is
	// served, before the listener is closed. Zero means 1 s.
	DrainTimeout time.Duration
	// Added is told of each unary call of a known method how long it was handled here, less what
	// it has waited for its request and for the runtime: what the interceptors take, and what
	// they make it wait for. Nil means nobody. It must not block.
	Added func(fullMethod string, d time.Duration)
	// Log is told when the runtime comes and goes, and what a drain cuts off.
	// Nil means nobody.
	Log logrus.FieldLogger

	now func() time.Time // nil: time.Now
}

// Proxy forwards CRI calls to a runtime.
type Proxy struct {
	drainGrace   time.Duration
	drainTimeout time.Duration
	log          logrus.FieldLogger

	endpoints []*upstream // the runtime's first; one where both are the same
	forwarder *forwarder
	server    *grpc.Server
	health    *health.Server

	endStreams func() // ends the endless streams
	aborted    chan struct{}
	abort      func()
	left       chan struct{}
	leaveOnce  func()
	closing    chan struct{}
	calls      calls
}

// upstream is one socket of the runtime.
type upstream struct {
	path string
	conn *grpc.ClientConn
}

// New prepares a proxy and begins to connect to the runtime. It does not wait
// for it: an endpoint that is malformed is an error, one where nobody serves is
// not. The proxy must be closed.
func New(o Options) (*Proxy, error) {
	if o.ImageEndpoint == "" {
		o.ImageEndpoint = o.RuntimeEndpoint
	}
	if o.DrainGrace == 0 {
		o.DrainGrace = defaultDrainGrace
	}
	if o.DrainTimeout == 0 {
		o.DrainTimeout = defaultDrainTimeout
	}
	if o.Log == nil {
		o.Log = &logrus.Logger{Out: io.Discard, Formatter: new(logrus.TextFormatter), Level: logrus.PanicLevel}
	}

	if o.now == nil {
		o.now = time.Now
	}
	meter := meter{now: o.now, added: o.Added}
	runtime, image, err := dialBoth(o.RuntimeEndpoint, o.ImageEndpoint)
	if err != nil {
		return nil, err
	}
	aborted, left := make(chan struct{}), make(chan struct{})
	p := &Proxy{
		drainGrace:   o.DrainGrace,
		drainTimeout: o.DrainTimeout,
		log:          o.Log,
		endpoints:    []*upstream{runtime},
		forwarder:    &forwarder{runtime: runtime.conn, image: image.conn, meter: meter},
		health:       health.NewServer(),
		aborted:      aborted,
		abort:        sync.OnceFunc(func() { close(aborted) }),
		left:         left,
		closing:      make(chan struct{}),
		leaveOnce:    sync.OnceFunc(func() { close(left) }),
	}
	if image != runtime {
		p.endpoints = append(p.endpoints, image)
	}

	ending := make(chan struct{})
	p.endStreams = sync.OnceFunc(func() { close(ending) })
	var interceptors []grpc.StreamServerInterceptor
	if o.Added != nil {
		interceptors = append(interceptors, meter.intercept)
	}
	interceptors = append(append(interceptors, o.Interceptors...), p.calls.counting(ending))
	p.server = grpc.NewServer(append(serverTuning(),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.UnknownServiceHandler(p.forwarder.handle),
		grpc.ChainStreamInterceptor(interceptors...),
		// Stop returns when the handlers have: nothing is left behind.
		grpc.WaitForHandlers(true),
	)...)
	grpc_health_v1.RegisterHealthServer(p.server, p.health)
	return p, nil
}

// dialBoth connects to both endpoints, or once if they are the same.
func dialBoth(runtimeEndpoint, imageEndpoint string) (runtime, image *upstream, err error) {
	runtime, err = newUpstream(runtimeEndpoint)
	if err != nil {
		return nil, nil, fmt.Errorf("runtime %w", err)
	}
	if imageEndpoint == runtimeEndpoint {
		return runtime, runtime, nil
	}
	image, err = newUpstream(imageEndpoint)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("image %w", err), runtime.conn.Close())
	}
	return runtime, image, nil
}

func newUpstream(endpoint string) (*upstream, error) {
	path, err := socketPath(endpoint)
	if err != nil {
		return nil, err
	}
	conn, err := dial(path)
	if err != nil {
		return nil, fmt.Errorf("endpoint %q: %w", endpoint, err)
	}
	return &upstream{path: path, conn: conn}, nil
}

// Serve accepts connections from l and forwards their calls until ctx is done.
// Then it drains, see drain.go, and returns nil; after Abort it returns
// ErrAborted. Any other error means that l could not be served. l is closed in
// every case. A proxy serves once.
func (p *Proxy) Serve(ctx context.Context, l net.Listener) error {
	if err := p.refuseLoop(l.Addr()); err != nil {
		return errors.Join(err, l.Close())
	}

	// The connections are looked after until the drain is over.
	watching, stopWatching := context.WithCancel(context.WithoutCancel(ctx))
	var watchers sync.WaitGroup
	defer watchers.Wait()
	defer stopWatching()
	for _, u := range p.endpoints {
		watchers.Go(func() { watchState(watching, u.conn, u.logState(p.log)) })
	}

	accepting := make(chan error, 1)
	go func() { accepting <- p.server.Serve(l) }()
	select {
	case err := <-accepting:
		p.server.Stop()
		return fmt.Errorf("accept on %q: %w", l.Addr(), err)
	case <-p.aborted:
		p.server.Stop()
		return errors.Join(ErrAborted, <-accepting)
	case <-p.left:
		return p.leave(ctx, l, accepting)
	case <-ctx.Done():
		return p.drain(l, accepting)
	}
}

// Closing is closed when Serve stops to accept, so that whatever belongs to serving can
// end then, and not as long as calls are completed.
func (p *Proxy) Closing() <-chan struct{} { return p.closing }

// EndStreams ends the streams that never end by themselves, and every later one at once.
func (p *Proxy) EndStreams() { p.endStreams() }

// Leave makes Serve close its listener, which somebody else serves from now on, and
// return when every call and stream has ended by itself, or, when its ctx is done, as
// without Leave. It may be called at any time and does not wait.
func (p *Proxy) Leave() { p.leaveOnce() }

// Abort makes Serve end at once, whatever it is doing: calls in flight are
// cancelled. It may be called at any time and does not wait.
func (p *Proxy) Abort() { p.abort() }

// Close ends everything that Serve has left and closes the connections to the
// runtime. Nothing of the proxy runs when it returns.
func (p *Proxy) Close() error {
	p.endStreams()
	p.server.Stop()
	var errs []error
	for _, u := range p.endpoints {
		if err := u.conn.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close connection to %q: %w", u.path, err))
		}
	}
	p.forwarder.requests.Wait()
	return errors.Join(errs...)
}

// Runtime is the connection to the runtime, for calls of our own. It takes
// ordinary messages, passes no interceptor, and is valid until Close.
func (p *Proxy) Runtime() grpc.ClientConnInterface { return p.endpoints[0].conn }

// RuntimeState is the state of the connection to the runtime. Ready means that
// the runtime is there.
func (p *Proxy) RuntimeState() connectivity.State { return p.endpoints[0].conn.GetState() }

// WatchRuntime calls seen with the state of the connection to the runtime and
// with every later one, one call at a time, until ctx is done or the proxy is
// closed. A runtime that returns is seen to be Ready within about a second,
// also when nobody calls it. States that follow each other quickly may be seen
// as one.
func (p *Proxy) WatchRuntime(ctx context.Context, seen func(connectivity.State)) {
	watchState(ctx, p.endpoints[0].conn, seen)
}

// logState tells the log when the runtime comes and goes, but not of every
// attempt to reach it.
func (u *upstream) logState(log logrus.FieldLogger) func(connectivity.State) {
	log = log.WithField("endpoint", u.path)
	var last connectivity.State = -1
	return func(state connectivity.State) {
		switch {
		case state == last:
		case state == connectivity.Ready:
			event.RuntimeConnected.On(log).Info("connected to the runtime")
			last = state
		case state == connectivity.TransientFailure:
			event.RuntimeLost.On(log).Warn("the runtime is away")
			last = state
		}
	}
}

// refuseLoop is an error if addr is the socket that calls are forwarded to.
func (p *Proxy) refuseLoop(addr net.Addr) error {
	for _, u := range p.endpoints {
		if addr.Network() == "unix" && sameFile(addr.String(), u.path) {
			return fmt.Errorf("serve on %q: this is the endpoint of the runtime", addr)
		}
	}
	return nil
}
