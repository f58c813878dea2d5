package interceptors

import (
	"context"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	statusMethod = "/runtime.v1.RuntimeService/ContainerStatus"
	reopenMethod = "/runtime.v1.RuntimeService/ReopenContainerLog"
)

// The runtime's answer about a container is there before a reader is held, and goes on
// when the log manager lets the reader go, and not before.
func TestStatusWaits(t *testing.T) {
	var asked, released atomic.Bool
	b := newBed(t, func(_ context.Context, method string, _ []byte) ([]byte, error) {
		if method == statusMethod {
			asked.Store(true)
		}
		return []byte("\x0a\x00"), nil
	})
	holding, release := make(chan struct{}), make(chan struct{})
	b.logs.hold = func(context.Context) {
		if !asked.Load() {
			t.Error("the reader is held before the runtime was asked")
		}
		close(holding)
		<-release
	}
	done := make(chan outcome)
	go func() {
		got := call(t.Context(), b.client, statusMethod, foreign(t, &cri.ContainerStatusRequest{ContainerId: "one"}))
		if !released.Load() {
			t.Error("the reader has its answer too early")
		}
		done <- got
	}()
	<-holding
	// Others are not held up.
	if got := call(t.Context(), b.client, "/runtime.v1.RuntimeService/Version", nil); got.err != nil {
		t.Errorf("another call while one is held: %v", got.err)
	}
	released.Store(true)
	close(release)
	if got := <-done; got.err != nil || string(got.response) != "\x0a\x00" {
		t.Errorf("answer %q: %v", got.response, got.err)
	}
}

// An error of the runtime names no log: nobody is held for it.
func TestStatusRefused(t *testing.T) {
	b := newBed(t, func(context.Context, string, []byte) ([]byte, error) {
		return nil, status.Error(codes.NotFound, "no such container")
	})
	got := call(t.Context(), b.client, statusMethod, foreign(t, &cri.ContainerStatusRequest{ContainerId: "one"}))
	if status.Code(got.err) != codes.NotFound {
		t.Error(got.err)
	}
	b.stop()
	told(t, b.logs.take(), nil)
}

// A reader that leaves while it is held is let go of.
func TestStatusLeaves(t *testing.T) {
	b := newBed(t, func(context.Context, string, []byte) ([]byte, error) { return nil, nil })
	holding := make(chan struct{})
	b.logs.hold = func(ctx context.Context) {
		close(holding)
		<-ctx.Done()
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan outcome)
	go func() {
		done <- call(ctx, b.client, statusMethod, foreign(t, &cri.ContainerStatusRequest{ContainerId: "one"}))
	}()
	<-holding
	cancel()
	if got := <-done; status.Code(got.err) != codes.Canceled {
		t.Errorf("error %v, want canceled", got.err)
	}
	b.stop()
	told(t, b.logs.take(), []fact{{what: "held", id: "one"}})
}

// A reopen that has just been done by ourselves is answered with success, and
// the runtime does not do it again.
func TestReopenAnswered(t *testing.T) {
	for _, service := range criServices {
		t.Run(service, func(t *testing.T) {
			b := newBed(t, func(context.Context, string, []byte) ([]byte, error) {
				return nil, status.Error(codes.Internal, "the runtime was asked")
			})
			b.logs.beginReopen = func(context.Context) bool { return true }
			got := call(t.Context(), b.client, "/"+service+"/ReopenContainerLog", foreign(t, &cri.ReopenContainerLogRequest{ContainerId: "one"}))
			if got.err != nil {
				t.Fatal(got.err)
			}
			if err := proto.Unmarshal(got.response, &cri.ReopenContainerLogResponse{}); err != nil || len(got.response) != 0 {
				t.Errorf("answer %q, %v, want an empty message", got.response, err)
			}
			b.stop()
			arrived(t, b.upstream.take())
			told(t, b.logs.take(), []fact{{what: "answered", id: "one"}})
			failures(t, b, nil)
		})
	}
}

// A client that leaves while the runtime reopens gives its turn back, once.
func TestReopenClientGone(t *testing.T) {
	asked := make(chan struct{})
	b := newBed(t, func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
		close(asked)
		<-ctx.Done()
		return nil, status.FromContextError(ctx.Err()).Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan outcome)
	go func() {
		done <- call(ctx, b.client, reopenMethod, foreign(t, &cri.ReopenContainerLogRequest{ContainerId: "one"}))
	}()
	<-asked
	cancel()
	if got := <-done; status.Code(got.err) != codes.Canceled {
		t.Errorf("error %v, want canceled", got.err)
	}
	b.stop()
	told(t, b.logs.take(), []fact{{what: "reopened", id: "one", failed: true}})
}

// A client that leaves while it waits for its turn does not wait on, and gives
// back whatever it was given all the same.
func TestReopenLeavesTheQueue(t *testing.T) {
	b := newBed(t, func(context.Context, string, []byte) ([]byte, error) { return nil, nil })
	waiting := make(chan struct{})
	b.logs.beginReopen = func(ctx context.Context) bool {
		close(waiting)
		<-ctx.Done()
		return false
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan outcome)
	go func() {
		done <- call(ctx, b.client, reopenMethod, foreign(t, &cri.ReopenContainerLogRequest{ContainerId: "one"}))
	}()
	<-waiting
	cancel()
	if got := <-done; status.Code(got.err) != codes.Canceled {
		t.Errorf("error %v, want canceled", got.err)
	}
	b.stop()
	told(t, b.logs.take(), []fact{{what: "reopened", id: "one", failed: true}})
}
