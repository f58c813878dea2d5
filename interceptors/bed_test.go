package interceptors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/cri-logshim/cri-logshim/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rawCodec sends and receives bytes as they are, at both ends of the proxy.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) ([]byte, error) {
	if b, is := v.(*[]byte); is {
		return *b, nil
	}
	return nil, fmt.Errorf("marshal %T: not bytes", v)
}

func (rawCodec) Unmarshal(data []byte, v any) error {
	if b, is := v.(*[]byte); is {
		*b = append([]byte{}, data...)
		return nil
	}
	return fmt.Errorf("unmarshal into %T: not bytes", v)
}

// answerer is what the runtime of a test does with a call.
type answerer func(ctx context.Context, method string, request []byte) ([]byte, error)

// received is a call as the runtime has seen it.
type received struct {
	method  string
	request []byte
}

// upstream is a runtime that takes every method and writes down what it gets.
type upstream struct {
	mu     sync.Mutex
	calls  []received
	answer answerer
}

func (u *upstream) handle(_ any, ss grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(ss)
	var request []byte
	if err := ss.RecvMsg(&request); err != nil {
		return err
	}
	u.mu.Lock()
	u.calls = append(u.calls, received{method, request})
	u.mu.Unlock()
	if err := ss.SetHeader(metadata.Pairs("from", "runtime")); err != nil {
		return err
	}
	ss.SetTrailer(metadata.Pairs("after", "all"))
	response, err := u.answer(ss.Context(), method, request)
	if err != nil {
		return err
	}
	return ss.SendMsg(&response)
}

// take returns the calls since it was last asked.
func (u *upstream) take() []received {
	u.mu.Lock()
	defer u.mu.Unlock()
	calls := u.calls
	u.calls = nil
	return calls
}

// bed is a runtime, the proxy with the hooks before it, and a client.
type bed struct {
	*upstream
	logs     *fakeLogs
	registry *prometheus.Registry
	client   *grpc.ClientConn // through the hooks
	bare     *grpc.ClientConn // through a proxy without hooks
	stop     func()           // ends everything and waits for it
}

// newBed starts a bed. The interceptors in inner are between the hooks and the
// forwarding.
func newBed(tb testing.TB, answer answerer, inner ...grpc.StreamServerInterceptor) *bed {
	tb.Helper()
	dir := tb.TempDir()
	b := &bed{upstream: &upstream{answer: answer}, logs: newFakeLogs(), registry: prometheus.NewRegistry()}
	log := logrus.New()
	log.SetOutput(io.Discard)
	hooks, err := New(b.logs, log, b.registry)
	if err != nil {
		tb.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodec(rawCodec{}), grpc.UnknownServiceHandler(b.handle), grpc.WaitForHandlers(true))
	serve(tb, filepath.Join(dir, "runtime"), func(l net.Listener) error { return server.Serve(l) })

	ctx, cancel := context.WithCancel(tb.Context())
	var ends []func()
	connect := func(name string, chain ...grpc.StreamServerInterceptor) *grpc.ClientConn {
		p, err := proxy.New(proxy.Options{RuntimeEndpoint: "unix://" + filepath.Join(dir, "runtime"), Interceptors: chain, Log: log})
		if err != nil {
			tb.Fatal(err)
		}
		served := serve(tb, filepath.Join(dir, name), func(l net.Listener) error { return p.Serve(ctx, l) })
		conn := dial(tb, filepath.Join(dir, name))
		ends = append(ends, func() {
			p.Abort()
			if err := <-served; err != nil && !errors.Is(err, proxy.ErrAborted) {
				tb.Errorf("proxy: %v", err)
			}
			if err := errors.Join(conn.Close(), p.Close()); err != nil {
				tb.Errorf("close: %v", err)
			}
		})
		return conn
	}
	b.client = connect("hooked", append([]grpc.StreamServerInterceptor{recovery.StreamServerInterceptor(), hooks}, inner...)...)
	b.bare = connect("bare", recovery.StreamServerInterceptor())
	b.stop = sync.OnceFunc(func() {
		cancel()
		for _, end := range ends {
			end()
		}
		server.Stop()
	})
	tb.Cleanup(b.stop)
	return b
}

// serve runs a server on a socket; the channel gives what it has returned.
func serve(tb testing.TB, path string, run func(net.Listener) error) <-chan error {
	tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "unix", path)
	if err != nil {
		tb.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- run(l) }()
	return served
}

func dial(tb testing.TB, path string) *grpc.ClientConn {
	tb.Helper()
	conn, err := grpc.NewClient("unix://"+path, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"),
		// The proxy may not have reached the runtime yet when the first call is made.
		grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{}), grpc.WaitForReady(true)))
	if err != nil {
		tb.Fatal(err)
	}
	return conn
}

// outcome is everything that a client learns of a call.
type outcome struct {
	response        []byte
	header, trailer metadata.MD
	err             error
}

func call(ctx context.Context, conn *grpc.ClientConn, method string, request []byte) outcome {
	var o outcome
	o.err = conn.Invoke(ctx, method, &request, &o.response, grpc.Header(&o.header), grpc.Trailer(&o.trailer))
	return o
}
