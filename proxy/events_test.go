package proxy

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cri-logshim/cri-logshim/proxy/internal/recorder"
)

// starting is a runtime that takes connections and is not ready before its Version has
// been asked for some times.
func starting(asked *atomic.Int32, times int32) recorder.Script {
	return func(c *recorder.Call) error {
		if c.Method == versionMethod && asked.Add(1) > times {
			return echo(c)
		}
		return status.Error(codes.Unavailable, "server is not initialized yet")
	}
}

// ends receives until the stream ends, and hands over how.
func ends(cs grpc.ClientStream) <-chan error {
	ended := make(chan error, 1)
	go func() {
		for {
			if _, err := recv(cs); err != nil {
				ended <- err
				return
			}
		}
	}()
	return ended
}

// away is a bed whose runtime has just died, with a stream of events that was open and
// one that was opened after that. Neither is told of it while the runtime is away.
func away(t *testing.T) (b *bed, open, late <-chan error) {
	t.Helper()
	b = newBed(t, either)
	cs := b.open(eventsMethod)
	send(t, cs, "request")
	mustRecv(t, cs, "first")
	if err := b.upstream.Stop(); err != nil {
		t.Fatal(err)
	}
	open = ends(cs)
	cs = b.open(eventsMethod)
	send(t, cs, "request")
	late = ends(cs)
	select {
	case err := <-open:
		t.Errorf("the open stream ended while the runtime was away: %v", err)
	case err := <-late:
		t.Errorf("the late stream ended while the runtime was away: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	return b, open, late
}

// A client that opens a stream of events as soon as the last one has ended, as kubelet
// does, is told once that the runtime was away, in the runtime's words, and finds the
// runtime ready then.
func TestTheEndOfEventsIsToldWhenTheRuntimeAnswersAgain(t *testing.T) {
	t.Parallel()
	b, open, late := away(t)
	var asked atomic.Int32
	b.startUpstream(starting(&asked, 5))
	err := within(t, open, "the end of the open stream")
	wantCode(t, err, codes.Unavailable)
	if !strings.Contains(err.Error(), "error reading from server") {
		t.Errorf("the open stream ended with %q", err)
	}
	wantCode(t, within(t, late, "the end of the late stream"), codes.Unavailable)
	if asked.Load() <= 5 {
		t.Errorf("the end was told when the runtime had been asked %d times and was not ready", asked.Load())
	}
	if _, err := b.invoke(versionMethod, ""); err != nil {
		t.Errorf("the runtime is not there when the end is told: %v", err)
	}
}

// A runtime that refuses is there: its word is passed on at once, even if nothing else
// of it works.
func TestARefusalOfEventsIsToldAtOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(c *recorder.Call) error {
		if c.Method == versionMethod {
			return status.Error(codes.Unavailable, "never")
		}
		return status.Error(codes.Unimplemented, "no events here")
	})
	_, err := b.invoke(eventsMethod, "request")
	wantCode(t, err, codes.Unimplemented)
}

// Streams whose end is held back hold up no drain, and a client that leaves is let go.
func TestADrainEndsEventsOfARuntimeThatIsAway(t *testing.T) {
	t.Parallel()
	b, open, late := away(t)
	ctx, leave := context.WithCancel(t.Context())
	cs, err := b.client.NewStream(ctx, bidi, eventsMethod)
	if err != nil {
		t.Fatal(err)
	}
	send(t, cs, "request")
	left := ends(cs)
	leave()
	wantCode(t, within(t, left, "the client that leaves"), codes.Canceled)

	b.stop()
	for _, ended := range []<-chan error{open, late} {
		err := within(t, ended, "the end of the stream")
		wantCode(t, err, codes.Unavailable)
		if !strings.Contains(err.Error(), "shutting down") {
			t.Errorf("the stream ended with %q", err)
		}
	}
	if err := b.finished(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}
