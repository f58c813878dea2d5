package proxy

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimev1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// How a runtime that is away is asked whether it is back.
const (
	answerTime  = 5 * time.Second        // for one answer; a runtime that hangs is away too
	answerPause = 100 * time.Millisecond // between answers that it is not ready yet
)

// events forwards a stream that never ends by itself. Where it ends because the
// runtime is away its client is told so, in the runtime's words, when the runtime
// answers again.
//
// kubelet uses its fifth stream of events that ended as the last one, however far
// apart they were, and gives evented PLEG up until it is restarted
// (pkg/kubelet/pleg/evented.go). It opens the next one at once, so that a runtime
// that is away for a few milliseconds costs it all five: seen with and without a
// proxy. Told late, it costs one. Nor does kubelet miss anything by it: upon the
// end of a stream it lists all containers once, which fails as long as the runtime
// is away and now finds it there, so what happened meanwhile is noticed.
func (f *forwarder) events(ctx context.Context, conn *grpc.ClientConn, m *method, ss grpc.ServerStream) error {
	err := f.serverStream(ctx, conn, m, ss)
	if status.Code(err) == codes.Unavailable {
		service, _ := serviceOf(m.info.FullMethod)
		untilItAnswers(ctx, conn, "/"+service+"/Version")
	}
	return err
}

// untilItAnswers returns when a runtime answers a method without an argument, or
// when ctx is done. A runtime that has just been started takes connections, and
// says Unavailable until it has found its containers again.
func untilItAnswers(ctx context.Context, conn *grpc.ClientConn, method string) {
	for ctx.Err() == nil {
		call, cancel := context.WithTimeout(ctx, answerTime)
		err := conn.Invoke(call, method, &runtimev1.VersionRequest{}, &runtimev1.VersionResponse{}, grpc.WaitForReady(true))
		cancel()
		if code := status.Code(err); code != codes.Unavailable && code != codes.DeadlineExceeded {
			return
		}
		select {
		case <-time.After(answerPause):
		case <-ctx.Done():
		}
	}
}
