package proxy

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	runtimev1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/proxy/internal/recorder"
)

func versionRequest() *runtimev1.VersionRequest {
	return &runtimev1.VersionRequest{Version: "0.1.0"}
}

func versionResponse() *runtimev1.VersionResponse {
	return &runtimev1.VersionResponse{RuntimeName: "recorder"}
}

func marshal(t *testing.T, m proto.Message) string {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// unknownField is a field that a later CRI could bring: number 999, a string.
const unknownField = "\xba\x3e\x05later"

// wrapper is a stream whose messages pass through functions.
type wrapper struct {
	grpc.ServerStream
	recv, send func(m any) error
}

func (w *wrapper) RecvMsg(m any) error {
	if err := w.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return w.recv(m)
}

func (w *wrapper) SendMsg(m any) error {
	if err := w.send(m); err != nil {
		return err
	}
	return w.ServerStream.SendMsg(m)
}

func pass(any) error { return nil }

// wrapping is an interceptor that wraps the stream.
func wrapping(recv, send func(any) error) func(*Options) {
	return func(o *Options) {
		o.Interceptors = append(o.Interceptors, func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			return handler(srv, &wrapper{ServerStream: ss, recv: recv, send: send})
		})
	}
}

func TestAnInterceptorDecodesWithoutChangingABit(t *testing.T) {
	t.Parallel()
	for _, method := range []string{versionMethod, eventsMethod, unknownBidi} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			var request runtimev1.VersionRequest
			var response runtimev1.VersionResponse
			b := newBed(t, func(c *recorder.Call) error {
				if _, err := c.Recv(); err != nil {
					return err
				}
				return c.Send([]byte(marshal(t, versionResponse()) + unknownField))
			}, wrapping(
				func(m any) error { return errors.Join(m.(*Frame).Decode(&request), m.(*Frame).Decode(&request)) },
				func(m any) error { return m.(*Frame).Decode(&response) },
			))
			sent := marshal(t, versionRequest()) + unknownField
			got, err := b.invoke(method, sent)
			if want := marshal(t, versionResponse()) + unknownField; err != nil || got != want {
				t.Errorf("answer is %q, %v; want %q", got, err, want)
			}
			if arrived := string(b.call(0).Requests()[0]); arrived != sent {
				t.Errorf("request arrived as %q, was %q", arrived, sent)
			}
			if request.GetVersion() != "0.1.0" || response.GetRuntimeName() != "recorder" {
				t.Errorf("the interceptor saw %v and %v", &request, &response)
			}
		})
	}
}

func TestAnInterceptorReplacesMessages(t *testing.T) {
	t.Parallel()
	for _, method := range []string{versionMethod, eventsMethod, unknownBidi} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, echo, wrapping(
				func(m any) error { return m.(*Frame).Replace(versionRequest()) },
				func(m any) error { return m.(*Frame).Replace(versionResponse()) },
			))
			got, err := b.invoke(method, "whatever")
			if err != nil || got != marshal(t, versionResponse()) {
				t.Errorf("answer is %q, %v", got, err)
			}
			if arrived := string(b.call(0).Requests()[0]); arrived != marshal(t, versionRequest()) {
				t.Errorf("request arrived as %q", arrived)
			}
		})
	}
}

// An interceptor answers a call by itself: its own error comes back to it, so
// that it knows that nobody else has answered.
func TestAnInterceptorAnswersByItself(t *testing.T) {
	t.Parallel()
	for _, method := range []string{versionMethod, eventsMethod, unknownBidi} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			errMine := errors.New("mine")
			b := newBed(t, blocked(nil), func(o *Options) {
				o.Interceptors = append(o.Interceptors, func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
					err := handler(srv, &wrapper{ServerStream: ss, recv: func(any) error { return errMine }, send: pass})
					if err != errMine { //nolint:errorlint // the very error, not one around it
						return status.Errorf(codes.Internal, "the handler returned %v", err)
					}
					return ss.SendMsg(versionResponse())
				})
			})
			got, err := b.invoke(method, marshal(t, versionRequest()))
			if err != nil || got != marshal(t, versionResponse()) {
				t.Errorf("answer is %q, %v", got, err)
			}
			for _, c := range b.upstream.Calls() {
				if len(c.Requests()) > 0 {
					t.Error("the request reached the runtime")
				}
				within(t, c.Ended, "the call to end upstream")
			}
		})
	}
}

func TestAnErrorOfAnInterceptorOnTheWayBackIsTheAnswer(t *testing.T) {
	t.Parallel()
	for _, method := range []string{versionMethod, eventsMethod, unknownBidi} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, echo, wrapping(pass, func(any) error { return status.Error(codes.DataLoss, "mine") }))
			_, err := b.invoke(method, "request")
			wantCode(t, err, codes.DataLoss)
		})
	}
}

func TestTheFirstInterceptorIsTheOutermost(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var order []string
	note := func(name string) grpc.StreamServerInterceptor {
		return func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			mu.Lock()
			order = append(order, name)
			mu.Unlock()
			return handler(srv, ss)
		}
	}
	b := newBed(t, echo, func(o *Options) {
		o.Interceptors = []grpc.StreamServerInterceptor{note("first"), note("second"), note("third")}
	})
	if _, err := b.invoke(versionMethod, ""); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"first", "second", "third"}; !slices.Equal(order, want) {
		t.Errorf("order is %v", order)
	}
}
