package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// executing makes a call that lasts until the runtime is told to release it,
// and returns when it has arrived there.
func executing(t *testing.T, f *fakeRuntime, conn grpc.ClientConnInterface) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		resp, err := cri.NewRuntimeServiceClient(conn).ExecSync(context.WithoutCancel(t.Context()), &cri.ExecSyncRequest{ContainerId: "one"})
		if err == nil && string(resp.GetStdout()) != "done" {
			err = errors.New("another answer")
		}
		done <- err
	}()
	receive(t, "the call to arrive", f.entered)
	return done
}

// following opens a stream that never ends by itself, and returns when its
// first message is there.
func following(t *testing.T, f *fakeRuntime, conn grpc.ClientConnInterface) <-chan error {
	t.Helper()
	events, err := cri.NewRuntimeServiceClient(conn).GetContainerEvents(context.WithoutCancel(t.Context()), &cri.GetEventsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := events.Recv(); err != nil {
		t.Fatal(err)
	}
	receive(t, "the call to arrive", f.entered)
	done := make(chan error, 1)
	go func() {
		_, err := events.Recv()
		done <- err
	}()
	return done
}

// A call in flight is completed before the daemon ends, and meanwhile everything is served
// as ever: other calls, and logs.
func TestEndCompletesCalls(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			p, f := newPlace(t), newFakeRuntime()
			p.config.DrainTimeout = time.Minute
			p.config.Rotation.MaxSize = 128 << 10
			f.runContainer(t, p.config.PodLogsDir, 64<<10)
			f.serve(t, p.config.RuntimeEndpoint)
			d := p.serve(t, extras{})
			called := executing(t, f, works(t, p))
			d.signal(t, s)
			d.waitSaid(t, "completing calls in flight")
			if err := callVersion(t, dial(t, p.config.Listen)); err != nil {
				t.Errorf("a call meanwhile: %v", err)
			}
			truncate(t, f.logPath, 256<<10)
			receive(t, "a rotation meanwhile", f.reopens)
			close(f.release)
			if err := receive(t, "the end of the call", called); err != nil {
				t.Errorf("the call in flight: %v", err)
			}
			if code := d.exit(t); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
		})
	}
}

// An endless stream is ended by the daemon: it does not wait for what will not
// come, here for a minute. The client is told to come back.
func TestEndEndsStreams(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t), newFakeRuntime()
	p.config.DrainTimeout = time.Minute
	f.serve(t, p.config.RuntimeEndpoint)
	d := p.serve(t, extras{})
	followed := following(t, f, works(t, p))
	d.end(t)
	if err := receive(t, "the end of the stream", followed); status.Code(err) != codes.Unavailable || errors.Is(err, io.EOF) {
		t.Errorf("the stream ends with %v, want Unavailable", err)
	}
	if left := receive(t, "the call to end in the runtime", f.left); left != "GetContainerEvents" {
		t.Errorf("%s has ended in the runtime", left)
	}
}

// A call that does not end in time is cut off, and the end is a good one.
func TestEndCutsCallsOff(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t), newFakeRuntime()
	p.config.DrainTimeout = 10 * time.Millisecond
	f.serve(t, p.config.RuntimeEndpoint)
	d := p.serve(t, extras{})
	called := executing(t, f, works(t, p))
	d.end(t)
	if err := receive(t, "the end of the call", called); err == nil {
		t.Error("the call succeeds, though the runtime has not answered it")
	}
	receive(t, "the call to end in the runtime", f.left) // the runtime hears of it
}

// Whoever asks twice does not want to wait.
func TestEndAtOnce(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t), newFakeRuntime()
	p.config.DrainTimeout = time.Minute
	f.serve(t, p.config.RuntimeEndpoint)
	d := p.serve(t, extras{})
	called := executing(t, f, works(t, p))
	d.signal(t, syscall.SIGTERM)
	d.waitSaid(t, "completing calls in flight")
	d.signal(t, syscall.SIGTERM)
	if code := d.exit(t); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if err := receive(t, "the end of the call", called); err == nil {
		t.Error("the call succeeds, though the runtime has not answered it")
	}
	lines := d.said("")
	if last := lines[len(lines)-1]; !strings.Contains(last, "second signal") {
		t.Errorf("its last word is %q", last)
	}
}

// A daemon that has never reached a runtime ends as well as any other.
func TestEndWithoutRuntime(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	d := p.serve(t, extras{})
	d.waitSaid(t, "serving")
	d.end(t)
}

// Somebody who has connected and says nothing does not keep the daemon from ending.
func TestEndWithASilentClient(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t), newFakeRuntime()
	f.serve(t, p.config.RuntimeEndpoint)
	d := p.serve(t, extras{})
	works(t, p)
	silent, err := new(net.Dialer).DialContext(t.Context(), "unix", socketOf(p.config.Listen))
	if err != nil {
		t.Fatal(err)
	}
	works(t, p) // so the silent one has been accepted
	d.end(t)
	if err := silent.Close(); err != nil {
		t.Error(err)
	}
}
