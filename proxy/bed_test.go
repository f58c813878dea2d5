package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/cri-logshim/cri-logshim/proxy/internal/recorder"
)

// No goroutine is left by any of the tests.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := runRole(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

const (
	versionMethod = "/runtime.v1.RuntimeService/Version"
	listMethod    = "/runtime.v1.RuntimeService/ListContainers"
	eventsMethod  = "/runtime.v1.RuntimeService/GetContainerEvents"
	unknownBidi   = "/runtime.v1.RuntimeService/TalkToContainer"

	// patience is how long a test waits for what must come. It is no bound that
	// a test asserts.
	patience = time.Minute
)

var bidi = &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}

// bed is a client before a proxy before a recording upstream.
type bed struct {
	t        *testing.T
	dir      string
	upstream *recorder.Upstream
	proxy    *Proxy
	client   *grpc.ClientConn

	stop   context.CancelFunc // what SIGTERM does
	served chan error         // what Serve returned
}

// newBed starts all three. Without a script there is no upstream yet.
func newBed(t *testing.T, script recorder.Script, change ...func(*Options)) *bed {
	t.Helper()
	b := &bed{t: t, dir: socketDir(t), served: make(chan error, 1)}
	if script != nil {
		b.startUpstream(script)
	}
	options := Options{RuntimeEndpoint: "unix://" + b.path("upstream")}
	for _, c := range change {
		c(&options)
	}
	var err error
	if b.proxy, err = New(options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.proxy.Close(); err != nil {
			t.Error(err)
		}
	})

	l, err := Listen("unix://"+b.path("proxy"), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	go func() { b.served <- b.proxy.Serve(ctx, l) }()
	t.Cleanup(func() {
		b.proxy.Abort()
		stop()
		if err := <-b.served; err != nil && !errors.Is(err, ErrAborted) {
			t.Errorf("serve: %v", err)
		}
	})
	b.client = b.dial("proxy")
	return b
}

func (b *bed) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bed) startUpstream(script recorder.Script) {
	b.t.Helper()
	u, err := recorder.Start(b.path("upstream"), script)
	if err != nil {
		b.t.Fatal(err)
	}
	b.upstream = u
	b.t.Cleanup(func() {
		if err := u.Stop(); err != nil {
			b.t.Error(err)
		}
	})
}

// dial connects a client that sends and receives bytes.
func (b *bed) dial(name string, opts ...grpc.DialOption) *grpc.ClientConn {
	b.t.Helper()
	return b.closing(recorder.Dial(b.path(name), opts...))
}

// dialPlain connects a client that sends and receives messages.
func (b *bed) dialPlain() *grpc.ClientConn {
	b.t.Helper()
	return b.closing(grpc.NewClient(target(b.path("proxy")), grpc.WithTransportCredentials(insecure.NewCredentials())))
}

func (b *bed) closing(conn *grpc.ClientConn, err error) *grpc.ClientConn {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := conn.Close(); err != nil && status.Code(err) != codes.Canceled {
			b.t.Error(err)
		}
	})
	return conn
}

// call waits for the upstream's call of that index.
func (b *bed) call(index int) *recorder.Call {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	c, err := b.upstream.Call(ctx, index)
	if err != nil {
		b.t.Fatalf("call %d did not arrive upstream: %v", index, err)
	}
	return c
}

// finished waits for Serve to return.
func (b *bed) finished() error {
	b.t.Helper()
	err := within(b.t, b.served, "Serve to return")
	b.served <- err // for the clean-up
	return err
}

func (b *bed) invoke(method, request string, opts ...grpc.CallOption) (string, error) {
	return invoke(b.t.Context(), b.client, method, request, opts...)
}

// open begins a stream. It is cancelled when the test ends.
func (b *bed) open(method string) grpc.ClientStream {
	b.t.Helper()
	cs, err := b.client.NewStream(b.t.Context(), bidi, method)
	if err != nil {
		b.t.Fatal(err)
	}
	return cs
}

func invoke(ctx context.Context, conn *grpc.ClientConn, method, request string, opts ...grpc.CallOption) (string, error) {
	in, out := []byte(request), []byte(nil)
	err := conn.Invoke(ctx, method, &in, &out, opts...)
	return string(out), err
}

func send(t *testing.T, s interface{ SendMsg(any) error }, message string) {
	t.Helper()
	b := []byte(message)
	if err := s.SendMsg(&b); err != nil {
		t.Fatalf("send: %v", err)
	}
}

func recv(s interface{ RecvMsg(any) error }) (string, error) {
	var b []byte
	err := s.RecvMsg(&b)
	return string(b), err
}

func mustRecv(t *testing.T, s interface{ RecvMsg(any) error }, want string) {
	t.Helper()
	if got, err := recv(s); err != nil || got != want {
		t.Fatalf("received %q, %v; want %q", got, err, want)
	}
}

// echo answers a unary call with its request.
func echo(c *recorder.Call) error {
	b, err := c.Recv()
	if err != nil {
		return err
	}
	return c.Send(b)
}

// endless sends one message and then nothing, until the call is over.
func endless(c *recorder.Call) error {
	if _, err := c.Recv(); err != nil {
		return err
	}
	if err := c.Send([]byte("first")); err != nil {
		return err
	}
	<-c.Context().Done()
	return c.Context().Err()
}

// either is echo for every method but the endless one.
func either(c *recorder.Call) error {
	if c.Method == eventsMethod {
		return endless(c)
	}
	return echo(c)
}

func within[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

func wantCode(t *testing.T, err error, want codes.Code) {
	t.Helper()
	if status.Code(err) != want {
		t.Fatalf("error is %v, want code %v", err, want)
	}
}

// carries tells whether md has all the values of want.
func carries(md, want metadata.MD) bool {
	for k, values := range want {
		if !slices.Equal(md[k], values) {
			return false
		}
	}
	return true
}

// socketDir is a temporary directory whose name is short enough for sockets.
func socketDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "proxy") //nolint:usetesting // TempDir has the test's name in it
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	return dir
}

func listenUnix(t *testing.T, path string) *net.UnixListener {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return l.(*net.UnixListener)
}
