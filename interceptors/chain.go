package interceptors

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// LogManager is what the hooks tell and ask. None of its methods may block for
// longer than 250 ms, but for BeginReopen, which takes the turn of a rotation.
type LogManager interface {
	// Place returns the log directory and, relative to it, the log path that a
	// container has by the rules of Kubernetes. The error says which name is unfit.
	Place(c logmgr.Container) (logDirectory, logPath string, err error)
	Refused(c logmgr.Container, err error)
	Created(c logmgr.Container)
	Started(id string, failed bool)
	Stopped(id string)
	Removed(id string)
	SandboxRemoved(id string)
	Hold(ctx context.Context, id string)
	BeginReopen(ctx context.Context, id string) (answered bool, done func(error))
}

// New returns one interceptor that sends each call to the hook of its method
// and leaves all other calls alone.
func New(logs LogManager, log logrus.FieldLogger, reg prometheus.Registerer) (grpc.StreamServerInterceptor, error) {
	g := guard{log: log, failures: prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "cri_logshim", Name: "hook_failures_total",
		Help: "Failures of hooks on CRI calls, by method and step; the calls themselves went on.",
	}, []string{"method", "step"})}
	if err := reg.Register(g.failures); err != nil {
		return nil, fmt.Errorf("register the hooks' metrics: %w", err)
	}
	hooks := map[string]grpc.StreamServerInterceptor{}
	for method, h := range map[string]grpc.StreamServerInterceptor{
		"CreateContainer":    createContainer(g, logs),
		"StartContainer":     startContainer(g, logs),
		"StopContainer":      stopContainer(g, logs),
		"RemoveContainer":    removeContainer(g, logs),
		"RemovePodSandbox":   removePodSandbox(g, logs),
		"ContainerStatus":    containerStatus(g, logs),
		"ReopenContainerLog": reopenContainerLog(g, logs),
	} {
		// The two versions of CRI have the same wire format for all that is read here.
		for _, service := range []string{"runtime.v1.RuntimeService", "runtime.v1alpha2.RuntimeService"} {
			hooks["/"+service+"/"+method] = h
		}
	}
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		if h := hooks[info.FullMethod]; h != nil {
			return h(srv, ss, info, handler)
		}
		return handler(srv, ss)
	}, nil
}
