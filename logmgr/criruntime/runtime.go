// Package criruntime is the log manager's Runtime spoken over CRI, in whichever
// version the runtime understands.
package criruntime

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

const (
	v1       = "/runtime.v1.RuntimeService/"
	v1alpha2 = "/runtime.v1alpha2.RuntimeService/"
)

// Runtime implements logmgr.Runtime. The two versions of CRI have the same wire
// format for everything that is used here.
type Runtime struct {
	conn grpc.ClientConnInterface
	old  atomic.Bool // the runtime has answered in v1alpha2 only

	last atomic.Pointer[listing] // nil while there is a list under way
}

// New returns a Runtime that calls over conn.
func New(conn grpc.ClientConnInterface) *Runtime { return &Runtime{conn: conn} }

// List implements logmgr.Runtime. What it returns is overwritten by the next call, so
// there must be one caller: it comes every few seconds, with next to nothing new.
func (r *Runtime) List(ctx context.Context) ([]logmgr.Listed, error) {
	list := r.last.Swap(nil)
	if list == nil { // the first one, or the one before has failed
		list = &listing{names: names{}}
	}
	err := r.call(ctx, "ListContainers", &cri.ListContainersRequest{}, list, grpc.ForceCodecV2(newListCodec()))
	if err != nil {
		return nil, err
	}
	list.trim()
	r.last.Store(list)
	return list.all, nil
}

// Status implements logmgr.Runtime. It asks for the container, and for the
// sandbox, which has the pod's names.
func (r *Runtime) Status(ctx context.Context, id string) (logmgr.Container, error) {
	resp := &cri.ListContainersResponse{}
	// The list is what names a container's sandbox; the status does not.
	err := r.call(ctx, "ListContainers", &cri.ListContainersRequest{Filter: &cri.ContainerFilter{Id: id}}, resp)
	if err != nil {
		return logmgr.Container{}, err
	}
	if len(resp.GetContainers()) != 1 {
		return logmgr.Container{}, fmt.Errorf("container %s: %w", id, logmgr.ErrNotFound)
	}
	sandboxID := resp.GetContainers()[0].GetPodSandboxId()
	container := &cri.ContainerStatusResponse{}
	if err := r.call(ctx, "ContainerStatus", &cri.ContainerStatusRequest{ContainerId: id}, container); err != nil {
		return logmgr.Container{}, err
	}
	sandbox := &cri.PodSandboxStatusResponse{}
	if err := r.call(ctx, "PodSandboxStatus", &cri.PodSandboxStatusRequest{PodSandboxId: sandboxID}, sandbox); err != nil {
		return logmgr.Container{}, err
	}
	c, pod := container.GetStatus(), sandbox.GetStatus().GetMetadata()
	return logmgr.Container{
		ID:        id,
		SandboxID: sandboxID,
		Namespace: pod.GetNamespace(),
		Pod:       pod.GetName(),
		PodUID:    pod.GetUid(),
		Name:      c.GetMetadata().GetName(),
		Attempt:   c.GetMetadata().GetAttempt(),
		LogPath:   c.GetLogPath(),
		State:     state(c.GetState()),

		PodLabels:      logmgr.LabelsOf(sandbox.GetStatus().GetLabels()),
		PodAnnotations: logmgr.AnnotationsFor(c.GetMetadata().GetName(), sandbox.GetStatus().GetAnnotations()),
	}, nil
}

// ReopenLog implements logmgr.Runtime.
func (r *Runtime) ReopenLog(ctx context.Context, id string) error {
	return ReopenError(r.call(ctx, "ReopenContainerLog", &cri.ReopenContainerLogRequest{ContainerId: id}, &cri.ReopenContainerLogResponse{}))
}

// ReopenError marks a runtime's answer to ReopenContainerLog, whoever has made that call,
// with logmgr.ErrCannotReopen if it says that the runtime cannot reopen any log.
func ReopenError(err error) error {
	if cannotReopen(err) {
		return fmt.Errorf("%w: %w", logmgr.ErrCannotReopen, err)
	}
	return err
}

// call makes one call in the version that the runtime speaks. A runtime that
// does not know the newer one is asked in the older from then on, until it
// does not know that.
func (r *Runtime) call(ctx context.Context, method string, req, resp any, opts ...grpc.CallOption) error {
	first, second := v1, v1alpha2
	if r.old.Load() {
		first, second = v1alpha2, v1
	}
	err := r.conn.Invoke(ctx, first+method, req, resp, opts...)
	if status.Code(err) == codes.Unimplemented {
		if secondErr := r.conn.Invoke(ctx, second+method, req, resp, opts...); status.Code(secondErr) != codes.Unimplemented {
			r.old.Store(second == v1alpha2)
			err = secondErr
		}
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", method, withMeaning(err))
}

// withMeaning adds to an error what the log manager may conclude from it. The
// codes without a meaning come also from our own side of the connection, and then
// the runtime may have done what was asked; any other is the runtime's own answer.
func withMeaning(err error) error {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Internal:
		return err
	case codes.NotFound:
		return fmt.Errorf("%w, %w: %w", logmgr.ErrRefused, logmgr.ErrNotFound, err)
	case codes.Unknown:
		if strings.Contains(status.Convert(err).Message(), noContainer) {
			return fmt.Errorf("%w, %w: %w", logmgr.ErrRefused, logmgr.ErrNotFound, err)
		}
		return fmt.Errorf("%w: %w", logmgr.ErrRefused, err)
	default:
		return fmt.Errorf("%w: %w", logmgr.ErrRefused, err)
	}
}

const (
	// noContainer is part of what dockershim and cri-dockerd answer, in Docker's words and with
	// the code Unknown, when they are asked about a container or sandbox that is not there.
	noContainer = "No such container"
	// noReopen is part of what dockershim and cri-dockerd answer whenever they are asked to
	// reopen a log, with the code Unknown.
	noReopen = "does not support reopening"
	// noService begins grpc-go's answer for a service of which it knows no method at all: CRI
	// is not served yet, or not at all.
	noService = "unknown service"
)

// cannotReopen tells whether an answer says that the runtime cannot reopen any log.
func cannotReopen(err error) bool {
	answer, is := status.FromError(err)
	switch {
	case err == nil || !is:
		return false
	case answer.Code() == codes.Unimplemented:
		return !strings.Contains(answer.Message(), noService)
	}
	return answer.Code() == codes.Unknown && strings.Contains(answer.Message(), noReopen)
}

func state(s cri.ContainerState) logmgr.State {
	switch s {
	case cri.ContainerState_CONTAINER_CREATED:
		return logmgr.StateCreated
	case cri.ContainerState_CONTAINER_RUNNING:
		return logmgr.StateRunning
	case cri.ContainerState_CONTAINER_EXITED:
		return logmgr.StateExited
	case cri.ContainerState_CONTAINER_UNKNOWN:
	}
	return logmgr.StateUnknown
}
