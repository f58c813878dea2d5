package proxy

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/cri-logshim/cri-logshim/proxy/internal/recorder"
)

// forever is a drain timeout that no test waits for.
const forever = time.Hour

// blocked answers when it is let, and not before.
func blocked(let <-chan struct{}) recorder.Script {
	return func(c *recorder.Call) error {
		select {
		case <-let:
			return echo(c)
		case <-c.Context().Done():
			return c.Context().Err()
		}
	}
}

func (b *bed) invokeLater(method string) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := b.invoke(method, "request")
		done <- err
	}()
	return done
}

// closed waits until the listener is closed, which is how a drain begins.
func (b *bed) closed() {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		_, err := os.Lstat(b.path("proxy"))
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatal("the listener stays open")
		}
		<-time.After(time.Millisecond)
	}
}

// Calls in flight are completed, and new ones are answered meanwhile, on new connections
// too.
func TestADrainCompletesCallsInFlight(t *testing.T) {
	t.Parallel()
	let := make(chan struct{})
	b := newBed(t, func(c *recorder.Call) error {
		if c.Method != versionMethod {
			return echo(c)
		}
		return blocked(let)(c)
	}, func(o *Options) { o.DrainTimeout = forever })
	done := b.invokeLater(versionMethod)
	b.call(0)
	b.stop()
	select {
	case err := <-b.served:
		t.Fatalf("Serve did not wait for the call: %v", err)
	case err := <-done:
		t.Fatalf("the call was not left alone: %v", err)
	case <-time.After(500 * time.Millisecond): // well past the grace
	}
	for _, client := range []*grpc.ClientConn{b.client, b.dial("proxy")} {
		if _, err := invoke(t.Context(), client, "/runtime.v1.RuntimeService/Status", ""); err != nil {
			t.Errorf("a call meanwhile: %v", err)
		}
	}
	close(let)
	if err := within(t, done, "the call"); err != nil {
		t.Errorf("the call failed: %v", err)
	}
	if err := b.finished(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

// Endless streams do not hold up a drain, and their clients are told to come
// back.
func TestADrainEndsEndlessStreams(t *testing.T) {
	t.Parallel()
	b := newBed(t, endless, func(o *Options) { o.DrainTimeout = forever })
	cs := b.open(eventsMethod)
	send(t, cs, "request")
	mustRecv(t, cs, "first")
	watch, err := grpc_health_v1.NewHealthClient(b.dialPlain()).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatal(err)
	}

	b.stop()
	_, err = recv(cs)
	wantCode(t, err, codes.Unavailable)
	for err = nil; err == nil; {
		_, err = watch.Recv()
	}
	wantCode(t, err, codes.Unavailable)
	within(t, b.call(0).Ended, "the call to end upstream")
	if err := b.finished(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

// A list that is streamed ends by itself, and is waited for as a unary call is.
func TestADrainCompletesListsThatAreStreamed(t *testing.T) {
	t.Parallel()
	let := make(chan struct{})
	b := newBed(t, blocked(let), func(o *Options) { o.DrainTimeout = forever })
	cs := b.open("/runtime.v1.RuntimeService/StreamContainers")
	send(t, cs, "list")
	b.call(0)
	b.stop()
	select {
	case err := <-b.served:
		t.Fatalf("Serve did not wait for the list: %v", err)
	case <-time.After(500 * time.Millisecond): // well past the grace
	}
	close(let)
	mustRecv(t, cs, "list")
	if err := b.finished(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

// A call that comes while another one is completed is completed too, and is not held up by
// one that never ends.
func TestADrainCompletesWhatComesMeanwhile(t *testing.T) {
	t.Parallel()
	let := make(chan struct{})
	b := newBed(t, func(c *recorder.Call) error {
		if c.Method == versionMethod {
			return blocked(nil)(c)
		}
		return blocked(let)(c)
	}, func(o *Options) { o.DrainTimeout = 2 * time.Second }) // passes; the late call must have arrived by then
	endless := b.invokeLater(versionMethod)
	b.call(0)
	b.stop()
	for !b.proxy.calls.divided.Load() {
		<-time.After(time.Millisecond)
	}
	late := b.invokeLater("/runtime.v1.RuntimeService/Status")
	b.call(1)
	b.client.WaitForStateChange(t.Context(), connectivity.Ready) // until it is told to send nothing new
	close(let)
	if err := within(t, late, "the late call"); err != nil {
		t.Errorf("the late call: %v", err)
	}
	wantCode(t, within(t, endless, "the end of the endless call"), codes.Unavailable)
	if err := b.finished(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

func TestADrainCancelsWhatDoesNotEndInTime(t *testing.T) {
	t.Parallel()
	for _, method := range []string{versionMethod, unknownBidi} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, blocked(nil), func(o *Options) { o.DrainTimeout = 50 * time.Millisecond })
			done := b.invokeLater(method)
			b.call(0)
			b.stop()
			wantCode(t, within(t, done, "the call to fail"), codes.Unavailable)
			within(t, b.call(0).Ended, "the call to end upstream")
			if err := b.finished(); err != nil {
				t.Errorf("Serve returned %v", err)
			}
		})
	}
}

func TestAbortEndsAtOnce(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"serving", "completing", "grace", "leaving"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, blocked(nil), func(o *Options) {
				o.DrainTimeout = forever
				if state == "grace" {
					o.DrainTimeout, o.DrainGrace = time.Nanosecond, forever
				}
			})
			done := b.invokeLater(versionMethod)
			b.call(0)
			switch state {
			case "completing":
				b.stop()
				<-time.After(2 * callsInterval)
			case "grace":
				b.stop()
				b.closed()
			case "leaving":
				b.proxy.Leave()
				b.closed()
				<-time.After(2 * defaultDrainGrace)
			}
			b.proxy.Abort()
			b.proxy.Abort() // and a third signal
			wantCode(t, within(t, done, "the call to fail"), codes.Unavailable)
			if err := b.finished(); !errors.Is(err, ErrAborted) {
				t.Errorf("Serve returned %v", err)
			}
		})
	}
}

// A connection that was accepted just before the drain has said nothing yet. It
// is served all the same.
func TestAConnectionAcceptedBeforeTheDrainIsServed(t *testing.T) {
	t.Parallel()
	b := newBed(t, echo, func(o *Options) { o.DrainGrace = 3 * time.Second })
	raw, err := net.Dial("unix", b.path("proxy"))
	if err != nil {
		t.Fatal(err)
	}
	// A second connection that works shows that the first one was accepted.
	if _, err := b.invoke(versionMethod, ""); err != nil {
		t.Fatal(err)
	}
	b.stop()
	b.closed()
	client := b.dial("proxy", grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return raw, nil }))
	if got, err := invoke(t.Context(), client, versionMethod, "late"); err != nil || got != "late" {
		t.Errorf("the call got %q, %v", got, err)
	}
}

func TestServeSaysWhyItCannotAccept(t *testing.T) {
	t.Parallel()
	dir := socketDir(t)
	p, err := New(Options{RuntimeEndpoint: "unix://" + dir + "/upstream"})
	if err != nil {
		t.Fatal(err)
	}
	l := listenUnix(t, dir+"/proxy")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve returned %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// A proxy that forwards to itself would take the node's memory within seconds.
func TestServeRefusesToForwardToItself(t *testing.T) {
	t.Parallel()
	dir := socketDir(t)
	if err := os.Symlink(dir, dir+"/link"); err != nil {
		t.Fatal(err)
	}
	p, err := New(Options{RuntimeEndpoint: "unix://" + dir + "/link/socket"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Serve(t.Context(), listenUnix(t, dir+"/socket")); err == nil {
		t.Error("it serves")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// systemd holds the socket while one proxy ends and the next one starts. Callers
// that keep their connection, callers that make one for each call, and nobody
// sees a call fail.
func TestARestartOnAnInheritedSocketFailsNoCall(t *testing.T) {
	t.Parallel()
	const restarts = 10
	b := newBed(t, echo)
	held := listenUnix(t, b.path("held"))
	inherited := func() net.Listener {
		file, err := held.File()
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.FileListener(file)
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
		return l
	}

	enough := make(chan struct{})
	var callers sync.WaitGroup
	var calls, failed [2]atomic.Int64
	for i, fresh := range []bool{false, true} {
		callers.Go(func() {
			client := b.dial("held")
			for {
				select {
				case <-enough:
					return
				default:
				}
				if fresh {
					client = b.dial("held")
				}
				calls[i].Add(1)
				if _, err := invoke(t.Context(), client, versionMethod, "request"); err != nil {
					failed[i].Add(1)
					t.Logf("fresh connection %v: %v", fresh, err)
				}
				if fresh {
					if err := client.Close(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	// more waits until both callers have made n more calls.
	more := func(n int64) {
		for i := range calls {
			then, deadline := calls[i].Load()+n, time.Now().Add(patience)
			for calls[i].Load() < then && time.Now().Before(deadline) {
				<-time.After(time.Millisecond)
			}
		}
	}
	for range restarts {
		p, err := New(Options{RuntimeEndpoint: "unix://" + b.path("upstream")})
		if err != nil {
			t.Fatal(err)
		}
		l, err := Listen("unix://"+b.path("held"), []net.Listener{inherited()})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- p.Serve(ctx, l) }()
		more(5)
		stop()
		if err := errors.Join(<-served, p.Close()); err != nil {
			t.Error(err)
		}
	}
	// The last calls wait for a proxy that is not going to come.
	last, err := New(Options{RuntimeEndpoint: "unix://" + b.path("upstream")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- last.Serve(ctx, inherited()) }()
	close(enough)
	callers.Wait()
	stop()
	if err := errors.Join(<-served, last.Close()); err != nil {
		t.Error(err)
	}
	for i, kind := range []string{"one connection", "a connection for each call"} {
		if failed[i].Load() > 0 || calls[i].Load() < restarts {
			t.Errorf("%s: %d of %d calls failed", kind, failed[i].Load(), calls[i].Load())
		}
	}
}

// What a client of a drained proxy is told does not say that the call is wrong.
func TestStatusOfAnEndedStreamIsNotUnimplemented(t *testing.T) {
	t.Parallel()
	b := newBed(t, endless)
	cs := b.open(eventsMethod)
	send(t, cs, "request")
	mustRecv(t, cs, "first")
	b.stop()
	_, err := recv(cs)
	if got := status.Convert(err); got.Message() != "the CRI proxy is shutting down" {
		t.Errorf("the client was told %v", err)
	}
}
