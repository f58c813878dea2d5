package proxy

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"github.com/cri-logshim/cri-logshim/proxy/internal/recorder"
)

// comeback is how long after the runtime's return the first call may succeed.
// It is a promise to users, and not only a guess at what a machine can do.
const comeback = 1500 * time.Millisecond

// stopwatch measures how long something takes less the time for which this
// process was not given a processor, so that a busy machine does not count.
type stopwatch struct {
	begin   time.Time
	stalled time.Duration
}

func (s *stopwatch) tick() {
	const interval = 5 * time.Millisecond
	before := time.Now()
	<-time.After(interval)
	s.stalled += time.Since(before) - interval
}

func (s *stopwatch) elapsed() time.Duration { return time.Since(s.begin) - s.stalled }

// The 75 s are what it takes a client with gRPC's own backoff to be half a
// minute late. All waiting is beside the other tests.
func TestARuntimeThatWasAwayIsFoundAgain(t *testing.T) {
	t.Parallel()
	for _, away := range []time.Duration{100 * time.Millisecond, 8 * time.Second, 75 * time.Second} {
		t.Run(fmt.Sprintf("for %gs", away.Seconds()), func(t *testing.T) {
			t.Parallel()
			b := newBed(t, echo)
			if _, err := b.invoke(versionMethod, ""); err != nil {
				t.Fatal(err)
			}
			if err := b.upstream.Stop(); err != nil {
				t.Fatal(err)
			}
			failAtOnce(t, b, time.Now().Add(away))
			b.startUpstream(echo)
			firstSuccess(t, b)
		})
	}
}

func TestARuntimeThatIsAbsentAtStartIsWaitedFor(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	failAtOnce(t, b, time.Now().Add(3*time.Second))
	b.startUpstream(echo)
	firstSuccess(t, b)
}

// failAtOnce calls until then. No call may wait for the runtime: it takes as long
// as one that the proxy refuses without asking anybody. Were it to wait for the
// next attempt to connect, it would take hundreds of times as long.
func failAtOnce(t *testing.T, b *bed, then time.Time) {
	t.Helper()
	var away, refused []time.Duration
	for {
		begin := time.Now()
		_, err := b.invoke(versionMethod, "")
		away = append(away, time.Since(begin))
		wantCode(t, err, codes.Unavailable)

		begin = time.Now()
		_, err = b.invoke("/other.Service/Method", "")
		refused = append(refused, time.Since(begin))
		wantCode(t, err, codes.Unimplemented)

		_, err = recv(b.open(unknownBidi))
		wantCode(t, err, codes.Unavailable)
		if len(away) >= 20 && time.Now().After(then) {
			break
		}
		<-time.After(20 * time.Millisecond)
	}
	// Of many calls a few meet the connection in the middle of an attempt; the
	// one in the middle tells what a call does.
	if a, r := median(away), median(refused); a > 10*r {
		t.Errorf("a call takes %v to fail, one that is refused %v", a, r)
	}
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func firstSuccess(t *testing.T, b *bed) {
	t.Helper()
	watch := stopwatch{begin: time.Now()}
	for {
		_, err := b.invoke(versionMethod, "")
		if err == nil {
			break
		}
		wantCode(t, err, codes.Unavailable)
		watch.tick()
		if time.Since(watch.begin) > patience {
			t.Fatal("no call succeeds any more")
		}
	}
	if took := watch.elapsed(); took > comeback {
		t.Errorf("the first call succeeded %v after the runtime's return", took)
	}
}

// Nobody calls, and the return is noticed all the same.
func TestTheReturnOfTheRuntimeIsSeenWithoutACall(t *testing.T) {
	t.Parallel()
	// Without Serve, as in a process that is only a client.
	dir := socketDir(t)
	p, err := New(Options{RuntimeEndpoint: "unix://" + dir + "/upstream"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	states, ended := make(chan connectivity.State), make(chan struct{})
	go func() {
		defer close(ended)
		p.WatchRuntime(ctx, func(s connectivity.State) {
			select {
			case states <- s:
			case <-ctx.Done():
			}
		})
	}()
	until := func(want connectivity.State) {
		t.Helper()
		for within(t, states, want.String()) != want {
		}
	}

	for range 2 {
		until(connectivity.TransientFailure)
		<-time.After(4 * time.Second) // until the pause between two attempts has its full length
		u, err := recorder.Start(dir+"/upstream", echo)
		if err != nil {
			t.Fatal(err)
		}
		watch := stopwatch{begin: time.Now()}
		for p.RuntimeState() != connectivity.Ready {
			select {
			case <-states:
			default:
			}
			watch.tick()
			if time.Since(watch.begin) > patience {
				t.Fatal("the runtime is not seen any more")
			}
		}
		if took := watch.elapsed(); took > comeback {
			t.Errorf("the runtime was seen %v after its return", took)
		}
		if err := u.Stop(); err != nil {
			t.Error(err)
		}
	}
	cancel()
	within(t, ended, "WatchRuntime to return")
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
