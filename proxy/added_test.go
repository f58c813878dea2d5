package proxy

import (
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/cri-logshim/cri-logshim/proxy/internal/recorder"
)

// hands is a clock that goes only when it is moved.
type hands struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hands) read() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hands) move(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

type addition struct {
	method string
	d      time.Duration
}

// The time added to a call is what an interceptor takes on both ways and behind the answer, and
// nothing of what the runtime takes. Streams and methods that nobody knows are not measured, and
// calls that fail are.
func TestAdded(t *testing.T) {
	t.Parallel()
	clock := &hands{now: time.Unix(1, 0)}
	told := make(chan addition, 10)
	fails := errors.New("no")
	var fail bool
	b := newBed(t, func(c *recorder.Call) error {
		clock.move(time.Hour)
		if fail {
			return fails
		}
		return echo(c)
	}, func(o *Options) {
		o.now = clock.read
		o.Added = func(method string, d time.Duration) { told <- addition{method, d} }
		o.Interceptors = append(o.Interceptors, func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			clock.move(time.Second)
			err := handler(srv, &wrapper{ServerStream: ss, recv: pass, send: func(any) error {
				clock.move(10 * time.Second)
				return nil
			}})
			clock.move(100 * time.Second)
			return err
		})
	})
	call := func(method string, failing bool) {
		fail = failing
		if _, err := b.invoke(method, "x"); (err != nil) != failing {
			t.Errorf("%s: %v", method, err)
		}
	}
	call(versionMethod, false)
	if got, want := <-told, (addition{versionMethod, 111 * time.Second}); got != want {
		t.Errorf("added %v, want %v", got, want)
	}
	call(eventsMethod, false)
	call(unknownBidi, false)
	call(versionMethod, true)
	if got, want := <-told, (addition{versionMethod, 101 * time.Second}); got != want {
		t.Errorf("with a failure, or a stream before it, added %v, want %v", got, want)
	}
}

// A client that sends its request long after the header does not make the call ours.
func TestAddedWithoutTheClient(t *testing.T) {
	t.Parallel()
	clock := &hands{now: time.Unix(1, 0)}
	var call timedCall
	call.ServerStream, call.now = slowStream{clock: clock}, clock.read
	if err := call.RecvMsg(nil); err != nil {
		t.Fatal(err)
	}
	if call.waited != time.Minute {
		t.Errorf("waited for %v, want a minute", call.waited)
	}
}

// slowStream is a client that takes a minute to send.
type slowStream struct {
	grpc.ServerStream
	clock *hands
}

func (s slowStream) RecvMsg(any) error {
	s.clock.move(time.Minute)
	return nil
}

// BenchmarkAdded makes each call in turn through a proxy that measures what it adds and through
// one that does not. The ratio of the two medians is what measuring costs.
//
//	go test ./proxy -run '^$' -bench Added -benchtime 5000x -count 5
func BenchmarkAdded(b *testing.B) {
	dir := socketDir(b)
	startRole(b, roleServer, dir)
	startRole(b, roleProxy, dir)
	startRole(b, roleMeasured, dir)
	plain, measured := &side{b: b}, &side{b: b}
	plain.dial(dir + "/" + roleProxy)
	measured.dial(dir + "/" + roleMeasured)
	for _, s := range []*side{plain, measured} {
		s.batch(version, 1, 200) // warm up
		s.latencies = nil
	}
	for b.Loop() {
		plain.batch(version, 1, 1)
		measured.batch(version, 1, 1)
	}
	b.ReportMetric(float64(measured.median())/float64(plain.median()), "×p50")
	b.ReportMetric(0, "ns/op")
}

// A call without a message is read by two goroutines for a moment, and both wait: told apart by
// the race detector.
func TestAddedWithoutAMessage(t *testing.T) {
	t.Parallel()
	told := make(chan time.Duration, 1)
	b := newBed(t, func(*recorder.Call) error { return errors.New("no") }, func(o *Options) {
		o.Added = func(_ string, d time.Duration) { told <- d }
	})
	for range 300 {
		cs, err := b.client.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, versionMethod)
		if err != nil {
			t.Fatal(err)
		}
		if err := cs.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if err := cs.RecvMsg(new(Frame)); err == nil || errors.Is(err, io.EOF) {
			t.Fatalf("answered %v", err)
		}
		if d := <-told; d < 0 {
			t.Fatalf("added %v", d)
		}
	}
}
