package interceptors

import (
	"context"

	"google.golang.org/grpc"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/logmgr/criruntime"
)

// containerStatus keeps the answer until the container's log path names a file, and will
// for some time: a reader asks for the status first, and then opens what it names. It is
// the answer and not the question that is kept, since a reader's time begins with it.
func containerStatus(g guard, logs LogManager) grpc.StreamServerInterceptor {
	return hook(g, "ContainerStatus", func(ctx context.Context, req *cri.ContainerStatusRequest) verdict[cri.ContainerStatusResponse] {
		return verdict[cri.ContainerStatusResponse]{pass: func() { logs.Hold(ctx, req.GetContainerId()) }}
	})
}

// reopenContainerLog makes another rotator, such as kubelet, and ours take
// turns.
func reopenContainerLog(g guard, logs LogManager) grpc.StreamServerInterceptor {
	return hook(g, "ReopenContainerLog", func(ctx context.Context, req *cri.ReopenContainerLogRequest) verdict[cri.ReopenContainerLogResponse] {
		answered, done := logs.BeginReopen(ctx, req.GetContainerId())
		if answered {
			return verdict[cri.ReopenContainerLogResponse]{answer: &cri.ReopenContainerLogResponse{}}
		}
		return verdict[cri.ReopenContainerLogResponse]{done: func(_ *cri.ReopenContainerLogResponse, err error) { done(criruntime.ReopenError(err)) }}
	})
}
