package interceptors

import (
	"context"

	"google.golang.org/grpc"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// createContainer fills the log directory and path that the caller has left
// empty, since a runtime throws the output away without them, and tells of the
// new container.
func createContainer(g guard, logs LogManager) grpc.StreamServerInterceptor {
	return hook(g, "CreateContainer", func(_ context.Context, req *cri.CreateContainerRequest) verdict[cri.CreateContainerResponse] {
		config, sandbox := req.GetConfig(), req.GetSandboxConfig()
		if config.GetMetadata() == nil || sandbox.GetMetadata() == nil {
			return verdict[cri.CreateContainerResponse]{} // the runtime refuses it
		}
		c := logmgr.Container{
			SandboxID:      req.GetPodSandboxId(),
			Namespace:      sandbox.GetMetadata().GetNamespace(),
			Pod:            sandbox.GetMetadata().GetName(),
			PodUID:         sandbox.GetMetadata().GetUid(),
			Name:           config.GetMetadata().GetName(),
			Attempt:        config.GetMetadata().GetAttempt(),
			PodLabels:      logmgr.LabelsOf(sandbox.GetLabels()),
			PodAnnotations: logmgr.AnnotationsFor(config.GetMetadata().GetName(), sandbox.GetAnnotations()),
			LogDirectory:   sandbox.GetLogDirectory(),
			LogPath:        config.GetLogPath(),
			State:          logmgr.StateCreated,
		}
		changed := false
		if c.LogDirectory == "" || c.LogPath == "" {
			directory, path, err := logs.Place(c)
			if err != nil {
				logs.Refused(c, err)
				return verdict[cri.CreateContainerResponse]{}
			}
			if c.LogDirectory == "" {
				c.LogDirectory, sandbox.LogDirectory = directory, directory
			}
			if c.LogPath == "" {
				c.LogPath, config.LogPath = path, path
			}
			changed = true
		}
		return verdict[cri.CreateContainerResponse]{changed: changed, done: func(resp *cri.CreateContainerResponse, err error) {
			if err == nil && resp != nil {
				c.ID = resp.GetContainerId()
				logs.Created(c)
			}
		}}
	})
}

// startContainer tells of a start, of a failed one too: a runtime that keeps
// its logs elsewhere has a log then as well.
func startContainer(g guard, logs LogManager) grpc.StreamServerInterceptor {
	return hook(g, "StartContainer", func(_ context.Context, req *cri.StartContainerRequest) verdict[cri.StartContainerResponse] {
		return verdict[cri.StartContainerResponse]{done: func(_ *cri.StartContainerResponse, err error) {
			logs.Started(req.GetContainerId(), err != nil)
		}}
	})
}

func stopContainer(g guard, logs LogManager) grpc.StreamServerInterceptor {
	return hook(g, "StopContainer", func(_ context.Context, req *cri.StopContainerRequest) verdict[cri.StopContainerResponse] {
		return verdict[cri.StopContainerResponse]{done: func(_ *cri.StopContainerResponse, err error) {
			if err == nil {
				logs.Stopped(req.GetContainerId())
			}
		}}
	})
}

func removeContainer(g guard, logs LogManager) grpc.StreamServerInterceptor {
	return hook(g, "RemoveContainer", func(_ context.Context, req *cri.RemoveContainerRequest) verdict[cri.RemoveContainerResponse] {
		return verdict[cri.RemoveContainerResponse]{done: func(_ *cri.RemoveContainerResponse, err error) {
			if err == nil {
				logs.Removed(req.GetContainerId())
			}
		}}
	})
}

func removePodSandbox(g guard, logs LogManager) grpc.StreamServerInterceptor {
	return hook(g, "RemovePodSandbox", func(_ context.Context, req *cri.RemovePodSandboxRequest) verdict[cri.RemovePodSandboxResponse] {
		return verdict[cri.RemovePodSandboxResponse]{done: func(_ *cri.RemovePodSandboxResponse, err error) {
			if err == nil {
				logs.SandboxRemoved(req.GetPodSandboxId())
			}
		}}
	})
}
