package proxy

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/cri-logshim/cri-logshim/proxy/internal/recorder"
)

// streams are the two ways in which a stream is forwarded.
var streams = []string{eventsMethod, unknownBidi}

// A client of GetContainerEvents may wait for the header for as long as nothing
// happens on the node.
func TestTheHeaderArrivesBeforeTheFirstMessage(t *testing.T) {
	t.Parallel()
	for _, method := range streams {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			goOn := make(chan struct{})
			b := newBed(t, func(c *recorder.Call) error {
				if _, err := c.Recv(); err != nil {
					return err
				}
				if err := c.Header(headerMD); err != nil {
					return err
				}
				select {
				case <-goOn:
				case <-c.Context().Done():
				}
				return c.Send([]byte("event"))
			})
			cs := b.open(method)
			send(t, cs, "request")
			header := make(chan metadata.MD, 1)
			go func() {
				md, _ := cs.Header()
				header <- md
			}()
			if got := within(t, header, "the header"); !carries(got, headerMD) {
				t.Errorf("header is %v", got)
			}
			close(goOn)
			mustRecv(t, cs, "event")
		})
	}
}

// Each message is answered before the next one is sent.
func TestBothDirectionsOfAStreamFlowAtOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(c *recorder.Call) error {
		for {
			request, err := c.Recv()
			if errors.Is(err, io.EOF) {
				return c.Send([]byte("last"))
			}
			if err != nil {
				return err
			}
			if err := c.Send(request); err != nil {
				return err
			}
		}
	})
	cs := b.open(unknownBidi)
	for range 100 {
		send(t, cs, "ping")
		mustRecv(t, cs, "ping")
	}
	if err := cs.CloseSend(); err != nil {
		t.Fatal(err)
	}
	mustRecv(t, cs, "last")
	if _, err := recv(cs); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ended with %v", err)
	}
}

// A runtime may answer for good while the client has not finished sending.
func TestARuntimeEndsAStreamThatItsClientKeepsOpen(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(c *recorder.Call) error {
		if _, err := c.Recv(); err != nil {
			return err
		}
		return status.Error(codes.NotFound, "enough")
	})
	cs := b.open(unknownBidi)
	send(t, cs, "request")
	_, err := recv(cs)
	wantCode(t, err, codes.NotFound)
}

func TestARuntimeThatDiesMidStreamIsUnavailable(t *testing.T) {
	t.Parallel()
	for _, method := range streams {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			script := endless
			if method == eventsMethod {
				script = either
			}
			b := newBed(t, script)
			cs, direct := b.open(method), directly(t, b, method)
			for _, s := range []grpc.ClientStream{cs, direct} {
				send(t, s, "request")
				mustRecv(t, s, "first")
			}
			if err := b.upstream.Stop(); err != nil {
				t.Fatal(err)
			}
			if method == eventsMethod {
				b.startUpstream(script) // the end of events is told by then, see events.go
			}
			_, err := recv(cs)
			_, directErr := recv(direct)
			// Each connection ends in its own way: an EOF, or a reset.
			for _, err := range []error{err, directErr} {
				wantCode(t, err, codes.Unavailable)
				if !strings.Contains(err.Error(), "error reading from server: ") {
					t.Errorf("the client was told %q, without a proxy it is %q", err, directErr)
				}
			}
		})
	}
}

func directly(t *testing.T, b *bed, method string) grpc.ClientStream {
	t.Helper()
	cs, err := b.dial("upstream").NewStream(t.Context(), bidi, method)
	if err != nil {
		t.Fatal(err)
	}
	return cs
}

func TestARuntimeThatDiesDuringAUnaryCallIsUnavailable(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(c *recorder.Call) error {
		<-c.Context().Done()
		return c.Context().Err()
	})
	failed := make(chan error, 1)
	go func() {
		_, err := b.invoke(versionMethod, "")
		failed <- err
	}()
	b.call(0)
	if err := b.upstream.Stop(); err != nil {
		t.Fatal(err)
	}
	err := within(t, failed, "the call to fail")
	wantCode(t, err, codes.Unavailable)
	if strings.Contains(err.Error(), "canceled") {
		t.Errorf("the error hides what happened: %v", err)
	}
}

func TestAClientThatLeavesEndsTheCallUpstream(t *testing.T) {
	t.Parallel()
	for _, method := range append(streams, versionMethod) {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, func(c *recorder.Call) error {
				<-c.Context().Done()
				return c.Context().Err()
			})
			ctx, leave := context.WithCancel(t.Context())
			cs, err := b.client.NewStream(ctx, bidi, method)
			if err != nil {
				t.Fatal(err)
			}
			send(t, cs, "request")
			call := b.call(0)
			leave()
			within(t, call.Ended, "the call to end upstream")
			_, err = recv(cs)
			wantCode(t, err, codes.Canceled)
		})
	}
}

// A client whose process dies says nothing: its connection closes.
func TestAClientThatDiesEndsTheCallUpstream(t *testing.T) {
	t.Parallel()
	b := newBed(t, endless)
	client, err := recorder.Dial(b.path("proxy"))
	if err != nil {
		t.Fatal(err)
	}
	cs, err := client.NewStream(t.Context(), bidi, eventsMethod)
	if err != nil {
		t.Fatal(err)
	}
	send(t, cs, "request")
	mustRecv(t, cs, "first")
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	within(t, b.call(0).Ended, "the call to end upstream")
}

func TestADeadlineEndsTheCallUpstream(t *testing.T) {
	t.Parallel()
	for _, method := range append(streams, versionMethod) {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, func(c *recorder.Call) error {
				<-c.Context().Done()
				return c.Context().Err()
			})
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // passes; the call must have arrived by then
			defer cancel()
			cs, err := b.client.NewStream(ctx, bidi, method)
			if err != nil {
				t.Fatal(err)
			}
			send(t, cs, "request")
			call := b.call(0)
			if call.Deadline.IsZero() {
				t.Error("there is no deadline upstream")
			}
			within(t, call.Ended, "the call to end upstream")
			_, err = recv(cs)
			wantCode(t, err, codes.DeadlineExceeded)
		})
	}
}

func TestACallWithoutADeadlineHasNoneUpstream(t *testing.T) {
	t.Parallel()
	b := newBed(t, echo)
	if _, err := b.invoke(versionMethod, ""); err != nil {
		t.Fatal(err)
	}
	if d := b.call(0).Deadline; !d.IsZero() {
		t.Errorf("the deadline is %v", d)
	}
}

// A reader that stops reading holds up its own stream, at the windows of flow
// control, and no other call: neither on its connection nor on another one.
func TestASlowReaderOfEventsDelaysNobodyElse(t *testing.T) {
	t.Parallel()
	stuck := make(chan struct{})
	event := make([]byte, 64<<10)
	b := newBed(t, func(c *recorder.Call) error {
		if c.Method != eventsMethod {
			return echo(c)
		}
		// Send until nothing goes any further, and beyond.
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for c.Send(event) == nil {
				sent <- struct{}{}
			}
		}()
		for {
			select {
			case _, more := <-sent:
				if !more {
					return c.Context().Err()
				}
			case <-time.After(300 * time.Millisecond):
				close(stuck)
				for range sent {
				}
				return c.Context().Err()
			}
		}
	})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	cs, err := b.client.NewStream(ctx, bidi, eventsMethod)
	if err != nil {
		t.Fatal(err)
	}
	send(t, cs, "request")
	mustRecv(t, cs, string(event))
	within(t, stuck, "the events to pile up")

	large := strings.Repeat("x", 4<<20)
	for _, client := range []*grpc.ClientConn{b.client, b.dial("proxy")} {
		for _, request := range []string{"small", large} {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			got, err := invoke(ctx, client, listMethod, request)
			cancel()
			if err != nil || got != request {
				t.Fatalf("a call beside the slow reader got %d bytes, %v", len(got), err)
			}
		}
	}
	leave()
	within(t, b.call(0).Ended, "the slow reader's call to end")
}
