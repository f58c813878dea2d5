package criruntime

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// What the log manager may conclude from each code: that nothing was done, that
// the container is gone, or neither.
func TestMeaning(t *testing.T) {
	unknown := map[codes.Code]bool{codes.Unavailable: true, codes.DeadlineExceeded: true, codes.Canceled: true, codes.Internal: true}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		t.Run(code.String(), func(t *testing.T) {
			fake := &fakeRuntime{fail: func(context.Context, string) error { return status.Error(code, "the runtime's reason") }}
			path := socket(t)
			fake.serve(t, path, newName)
			r := connect(t, path)
			err := r.ReopenLog(t.Context(), "one")
			check(t, err, code, !unknown[code], code == codes.NotFound)
			if !strings.Contains(err.Error(), "ReopenContainerLog") || !strings.Contains(err.Error(), "the runtime's reason") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one line with the method and the runtime's reason", err)
			}
			_, err = r.List(t.Context())
			check(t, err, code, !unknown[code], code == codes.NotFound)
		})
	}
}

func check(t *testing.T, err error, code codes.Code, refused, notFound bool) {
	t.Helper()
	if status.Code(err) != code || errors.Is(err, logmgr.ErrRefused) != refused || errors.Is(err, logmgr.ErrNotFound) != notFound {
		t.Errorf("error %v: want code %s, refused %t, not found %t", err, code, refused, notFound)
	}
}

// A call that ends on our side says nothing about what the runtime does.
func TestUnknownOutcome(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(cancel, stop func())
		code codes.Code
	}{
		"cancelled":  {func(cancel, _ func()) { cancel() }, codes.Canceled},
		"connection": {func(_, stop func()) { stop() }, codes.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			asked := make(chan struct{})
			fake := &fakeRuntime{fail: func(ctx context.Context, _ string) error {
				close(asked)
				<-ctx.Done()
				return nil
			}}
			path := socket(t)
			stop := fake.serve(t, path, newName)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r := connect(t, path)
			failed := make(chan error)
			go func() { failed <- r.ReopenLog(ctx, "one") }()
			<-asked
			test.end(cancel, stop)
			check(t, <-failed, test.code, false, false)
		})
	}
	t.Run("deadline", func(t *testing.T) {
		ended := make(chan struct{})
		fake := &fakeRuntime{fail: func(context.Context, string) error {
			<-ended // the runtime does not look at the deadline
			return nil
		}}
		path := socket(t)
		fake.serve(t, path, newName)
		defer close(ended)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		check(t, connect(t, path).ReopenLog(ctx, "one"), codes.DeadlineExceeded, false, false)
	})
	t.Run("nobody there", func(t *testing.T) {
		check(t, connect(t, socket(t)).ReopenLog(t.Context(), "one"), codes.Unavailable, false, false)
	})
}

// A container that goes away between the calls that ask for it is not found,
// whichever of them it is that notices; any other error is not taken for that.
func TestVanishing(t *testing.T) {
	for name, test := range map[string]struct {
		containers []*cri.Container
		fails      string
		code       codes.Code
		notFound   bool
	}{
		"before the list":        {nil, "", codes.OK, true},
		"before the status":      {containers(), "ContainerStatus", codes.NotFound, true},
		"with its sandbox":       {containers(), "PodSandboxStatus", codes.NotFound, true},
		"list is refused":        {containers(), "ListContainers", codes.Unknown, false},
		"status is refused":      {containers(), "ContainerStatus", codes.Unknown, false},
		"sandbox is refused":     {containers(), "PodSandboxStatus", codes.PermissionDenied, false},
		"runtime leaves midway":  {containers(), "PodSandboxStatus", codes.Unavailable, false},
		"runtime leaves at once": {containers(), "ListContainers", codes.Unavailable, false},
	} {
		t.Run(name, func(t *testing.T) {
			fake := &fakeRuntime{containers: test.containers, fail: func(_ context.Context, method string) error {
				if method == test.fails {
					return status.Error(test.code, "no")
				}
				return nil
			}}
			path := socket(t)
			fake.serve(t, path, newName)
			c, err := connect(t, path).Status(t.Context(), "running")
			if err == nil || errors.Is(err, logmgr.ErrNotFound) != test.notFound {
				t.Errorf("status is %+v, %v; want not found: %t", c, err, test.notFound)
			}
			if !reflect.DeepEqual(c, logmgr.Container{}) {
				t.Errorf("half a status: %+v", c)
			}
		})
	}
}

// What dockershim passes on of Docker's words is understood as what other runtimes say by a code.
func TestDockersNotFound(t *testing.T) {
	for message, notFound := range map[string]bool{
		"Error: No such container: 8d4203efaa5f":                      true,
		"Error response from daemon: No such container: 8d4203efaa5f": true,
		"failed to inspect sandbox image":                             false,
	} {
		check(t, withMeaning(status.Error(codes.Unknown, message)), codes.Unknown, true, notFound)
	}
	check(t, withMeaning(status.Error(codes.Internal, "No such container: 8d4203efaa5f")), codes.Internal, false, false)
}
