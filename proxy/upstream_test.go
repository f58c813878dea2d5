package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/cri-logshim/cri-logshim/proxy/internal/recorder"
)

// comeback is how long after the runtime's return the first call may succeed. It is a
// promise to users; the clock of these tests is virtual.
const comeback = time.Second

// outside runs functions where time is real, for those within a bubble of synctest: what
// a bubble's clock waits for must not wait for a socket.
type outside struct {
	work chan func() error
	done chan error
}

func newOutside(t *testing.T) *outside {
	t.Helper()
	o := &outside{work: make(chan func() error), done: make(chan error)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for f := range o.work {
			o.done <- f()
		}
	}()
	t.Cleanup(func() {
		close(o.work)
		<-ended
	})
	return o
}

// do returns when f has, and no virtual time passes meanwhile.
func (o *outside) do(t *testing.T, f func() error) {
	t.Helper()
	o.work <- f
	if err := <-o.done; err != nil {
		t.Fatal(err)
	}
}

// absence is a runtime that comes and goes, and a proxy before it in virtual time.
// While the two are connected, which is real, virtual time stands still.
type absence struct {
	outside  *outside
	path     string
	upstream *recorder.Upstream
	proxy    *Proxy
	client   *grpc.ClientConn
}

// inAbsence runs a test in virtual time before a runtime that is not there yet.
func inAbsence(t *testing.T, test func(*testing.T, *absence)) {
	t.Helper()
	a := &absence{outside: newOutside(t), path: socketDir(t) + "/upstream"}
	synctest.Test(t, func(t *testing.T) {
		var err error
		if a.proxy, err = New(Options{RuntimeEndpoint: "unix://" + a.path}); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := a.proxy.Close(); err != nil {
				t.Error(err)
			}
			if a.upstream != nil {
				a.goes(t)
			}
		}()
		test(t, a)
	})
}

// serve has the proxy serve a client of its own until the returned function is called.
func (a *absence) serve(t *testing.T) (end func()) {
	t.Helper()
	l := bufconn.Listen(64 << 10)
	served := make(chan error, 1)
	go func() { served <- a.proxy.Serve(context.WithoutCancel(t.Context()), l) }()
	var err error
	a.client, err = recorder.Dial("/in/memory", grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return l.DialContext(ctx)
	}))
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := a.client.Close(); err != nil {
			t.Error(err)
		}
		a.proxy.Abort()
		if err := <-served; !errors.Is(err, ErrAborted) {
			t.Errorf("serve: %v", err)
		}
	}
}

func (a *absence) comes(t *testing.T) {
	t.Helper()
	a.outside.do(t, func() (err error) {
		a.upstream, err = recorder.Start(a.path, echo)
		return err
	})
}

func (a *absence) goes(t *testing.T) {
	t.Helper()
	a.outside.do(t, a.upstream.Stop)
}

// version makes a call that does not wait for the runtime for ever, should it wait.
func (a *absence) version(t *testing.T) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := invoke(ctx, a.client, versionMethod, "")
	return err
}

// failsAtOnce calls now and then for so long. No call waits for the runtime, not even for
// the next attempt to connect.
func (a *absence) failsAtOnce(t *testing.T, away time.Duration) {
	t.Helper()
	const calls = 200
	for range calls {
		began := time.Now()
		wantCode(t, a.version(t), codes.Unavailable)
		stream, err := a.client.NewStream(t.Context(), bidi, unknownBidi)
		if err != nil {
			t.Fatal(err)
		}
		_, err = recv(stream)
		wantCode(t, err, codes.Unavailable)
		if took := time.Since(began); took > 0 {
			t.Fatalf("calls took %v to fail", took)
		}
		time.Sleep(away / calls)
	}
}

// succeedsSoon calls whenever the state of the connection changes, from the return of the
// runtime until a call succeeds.
func (a *absence) succeedsSoon(t *testing.T) {
	t.Helper()
	runtime, returned := a.proxy.endpoints[0].conn, time.Now()
	for {
		state := runtime.GetState()
		err := a.version(t)
		if err == nil {
			break
		}
		if state == connectivity.Ready || status.Code(err) != codes.Unavailable {
			t.Fatalf("while the connection is %v: %v", state, err)
		}
		runtime.WaitForStateChange(t.Context(), state)
	}
	if took := time.Since(returned); took > comeback {
		t.Fatalf("the first call succeeded %v after the runtime's return", took)
	}
}

// The longer the runtime is away, the later a client with gRPC's own backoff comes back:
// two minutes in the end.
func TestARuntimeThatWasAwayIsFoundAgain(t *testing.T) {
	t.Parallel()
	for _, away := range []time.Duration{100 * time.Millisecond, 8 * time.Second, 75 * time.Second, time.Hour} {
		t.Run(fmt.Sprintf("for %gs", away.Seconds()), func(t *testing.T) {
			t.Parallel()
			inAbsence(t, func(t *testing.T, a *absence) {
				a.comes(t)
				defer a.serve(t)()
				a.succeedsSoon(t)
				a.goes(t)
				a.failsAtOnce(t, away)
				a.comes(t)
				a.succeedsSoon(t)
			})
		})
	}
}

func TestARuntimeThatIsAbsentAtStartIsWaitedFor(t *testing.T) {
	t.Parallel()
	inAbsence(t, func(t *testing.T, a *absence) {
		defer a.serve(t)()
		a.failsAtOnce(t, time.Minute)
		a.comes(t)
		a.succeedsSoon(t)
	})
}

// Nobody calls, and the return is noticed all the same.
func TestTheReturnOfTheRuntimeIsSeenWithoutACall(t *testing.T) {
	t.Parallel()
	// Without Serve, as in a process that is only a client.
	inAbsence(t, func(t *testing.T, a *absence) {
		ctx, cancel := context.WithCancel(t.Context())
		states, ended := make(chan connectivity.State), make(chan struct{})
		go func() {
			defer close(ended)
			a.proxy.WatchRuntime(ctx, func(s connectivity.State) {
				select {
				case states <- s:
				case <-ctx.Done():
				}
			})
		}()
		until := func(want connectivity.State) {
			for <-states != want {
			}
		}
		for range 2 {
			until(connectivity.TransientFailure)
			time.Sleep(time.Minute) // until the pause between two attempts has its full length
			a.comes(t)
			returned := time.Now()
			until(connectivity.Ready)
			if took := time.Since(returned); took > comeback {
				t.Errorf("the runtime was seen %v after its return", took)
			}
			a.goes(t)
		}
		cancel()
		<-ended
	})
}

func TestWatchRuntimeEndsWithTheProxy(t *testing.T) {
	t.Parallel()
	p, err := New(Options{RuntimeEndpoint: "unix:///nowhere/at/all"})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.WatchRuntime(t.Context(), func(connectivity.State) {})
	}()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	within(t, ended, "WatchRuntime to return")
}

func TestRuntimeTakesOrdinaryMessages(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(c *recorder.Call) error {
		if _, err := c.Recv(); err != nil {
			return err
		}
		return status.Error(codes.NotFound, c.Method)
	})
	err := b.proxy.Runtime().Invoke(t.Context(), versionMethod, versionRequest(), versionResponse())
	if got := status.Convert(err); got.Code() != codes.NotFound || got.Message() != versionMethod {
		t.Errorf("answer is %v", err)
	}
	requests := b.call(0).Requests()
	if want := marshal(t, versionRequest()); len(requests) != 1 || string(requests[0]) != want {
		t.Errorf("request arrived as %q, want %q", requests, want)
	}
}
