package criruntime

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// That a runtime cannot reopen any log is known from its answer, in either version of CRI,
// and not concluded from refusals of another kind.
func TestCannotReopen(t *testing.T) {
	for name, test := range map[string]struct {
		answer error
		want   bool
	}{
		// dockershim 1.23 and cri-dockerd
		"docker":     {status.Error(codes.Unknown, "docker does not support reopening container log files"), true},
		"no method":  {status.Error(codes.Unimplemented, "unknown method ReopenContainerLog for service runtime.v1.RuntimeService"), true},
		"code alone": {status.Error(codes.Unimplemented, ""), true},
		"no CRI":     {status.Error(codes.Unimplemented, "unknown service runtime.v1.RuntimeService"), false},
		"ended":      {status.Error(codes.Unknown, "container is not running"), false},
		"gone":       {status.Error(codes.NotFound, "container does not support reopening"), false},
		"lost":       {status.Error(codes.Unavailable, "does not support reopening"), false},
		"fine":       {nil, false},
	} {
		for i, versions := range [][]string{{newName}, {oldName}, {newName, oldName}} {
			t.Run(fmt.Sprint(name, i), func(t *testing.T) {
				fake := &fakeRuntime{fail: func(_ context.Context, method string) error {
					if method == "ReopenContainerLog" {
						return test.answer
					}
					return nil
				}}
				path := socket(t)
				fake.serve(t, path, versions...)
				r := connect(t, path)
				if _, err := r.List(t.Context()); err != nil {
					t.Fatal(err)
				}
				err := r.ReopenLog(t.Context(), "one")
				if errors.Is(err, logmgr.ErrCannotReopen) != test.want || (err == nil) != (test.answer == nil) {
					t.Errorf("%v: %v, want %t", versions, err, test.want)
				}
				if test.want && !errors.Is(err, logmgr.ErrRefused) {
					t.Errorf("%v is no refusal", err)
				}
			})
		}
	}
}
