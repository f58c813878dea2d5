package dockertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// CreateContainer implements CRI.
func (s *server) CreateContainer(_ context.Context, req *cri.CreateContainerRequest) (*cri.CreateContainerResponse, error) {
	config, sandbox := req.GetConfig(), req.GetSandboxConfig()
	if config == nil || sandbox == nil {
		return nil, errors.New("container config is nil")
	}
	c := &container{
		id: newID(), sandbox: req.GetPodSandboxId(), config: config, created: time.Now(),
		driver: s.options.LogDriver, options: maps.Clone(s.options.LogOptions),
		logPath: filepath.Join(sandbox.GetLogDirectory(), config.GetLogPath()),
	}
	c.dir = filepath.Join(s.options.DataRoot, "containers", c.id)
	if err := os.MkdirAll(c.dir, 0o710); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.containers[c.id] = c
	return &cri.CreateContainerResponse{ContainerId: c.id}, nil
}

// StartContainer implements CRI. As in dockershim the link is made in any case, and a
// start whose link fails fails, though the container runs.
func (s *server) StartContainer(_ context.Context, req *cri.StartContainerRequest) (*cri.StartContainerResponse, error) {
	c, err := s.container(req.GetContainerId())
	if err != nil {
		return nil, fmt.Errorf("failed to get container %q log path: failed to inspect container %q: %w", req.GetContainerId(), req.GetContainerId(), err)
	}
	failed := c.start()
	if err := c.link(); err != nil {
		return nil, err
	}
	if failed != nil {
		return nil, fmt.Errorf("failed to start container %q: Error response from daemon: %w", c.id, failed)
	}
	return &cri.StartContainerResponse{}, nil
}

// StopContainer implements CRI.
func (s *server) StopContainer(_ context.Context, req *cri.StopContainerRequest) (*cri.StopContainerResponse, error) {
	c, err := s.container(req.GetContainerId())
	if err != nil {
		return nil, err
	}
	return &cri.StopContainerResponse{}, c.halt()
}

// RemoveContainer implements CRI. As in dockershim a container that is not known is an
// error.
func (s *server) RemoveContainer(_ context.Context, req *cri.RemoveContainerRequest) (*cri.RemoveContainerResponse, error) {
	c, err := s.container(req.GetContainerId())
	if err != nil {
		return nil, fmt.Errorf("failed to get container %q log path: failed to inspect container %q: %w", req.GetContainerId(), req.GetContainerId(), err)
	}
	if err := c.remove(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.containers, c.id)
	return &cri.RemoveContainerResponse{}, nil
}

// ListContainers implements CRI.
func (s *server) ListContainers(_ context.Context, req *cri.ListContainersRequest) (*cri.ListContainersResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	resp, filter := &cri.ListContainersResponse{}, req.GetFilter()
	for _, c := range s.containers {
		listed := c.listed()
		switch {
		case filter.GetId() != "" && filter.GetId() != c.id,
			filter.GetPodSandboxId() != "" && filter.GetPodSandboxId() != c.sandbox,
			filter.GetState() != nil && filter.GetState().GetState() != listed.GetState(),
			!selects(filter.GetLabelSelector(), listed.GetLabels()):
			continue
		}
		resp.Containers = append(resp.Containers, listed)
	}
	return resp, nil
}

// listed is a line of docker ps. There a container whose start has failed is still said to
// be created, whereas its status says that it has ended.
func (c *container) listed() *cri.Container {
	c.mu.Lock()
	defer c.mu.Unlock()
	state := cri.ContainerState_CONTAINER_CREATED
	switch {
	case c.running():
		state = cri.ContainerState_CONTAINER_RUNNING
	case !c.finished.IsZero():
		state = cri.ContainerState_CONTAINER_EXITED
	}
	return &cri.Container{
		Id: c.id, PodSandboxId: c.sandbox, Metadata: c.config.GetMetadata(), Image: c.config.GetImage(), State: state,
		CreatedAt: c.created.Truncate(time.Second).UnixNano(), Labels: c.config.GetLabels(), Annotations: c.config.GetAnnotations(),
	}
}

// ContainerStatus implements CRI. The log path is the wanted one, and thus the link.
func (s *server) ContainerStatus(_ context.Context, req *cri.ContainerStatusRequest) (*cri.ContainerStatusResponse, error) {
	c, err := s.container(req.GetContainerId())
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	status := &cri.ContainerStatus{
		Id: c.id, Metadata: c.config.GetMetadata(), Image: c.config.GetImage(), State: cri.ContainerState_CONTAINER_CREATED,
		CreatedAt: c.created.UnixNano(), ExitCode: int32(c.exitCode), Message: c.failure,
		Labels: c.config.GetLabels(), Annotations: c.config.GetAnnotations(), LogPath: c.logPath,
	}
	switch {
	case c.running():
		status.State, status.StartedAt = cri.ContainerState_CONTAINER_RUNNING, c.started.UnixNano()
	case !c.finished.IsZero():
		status.State, status.Reason = cri.ContainerState_CONTAINER_EXITED, "Completed"
		status.StartedAt, status.FinishedAt = c.started.UnixNano(), c.finished.UnixNano()
	case c.exitCode != 0:
		status.State, status.Reason = cri.ContainerState_CONTAINER_EXITED, "ContainerCannotRun"
		status.StartedAt, status.FinishedAt = status.CreatedAt, status.CreatedAt
	}
	return &cri.ContainerStatusResponse{Status: status}, nil
}

// ReopenContainerLog implements CRI, with the answer of dockershim and cri-dockerd to
// everybody (docker_logs.go).
func (s *server) ReopenContainerLog(context.Context, *cri.ReopenContainerLogRequest) (*cri.ReopenContainerLogResponse, error) {
	return nil, errors.New("docker does not support reopening container log files")
}

func (s *server) container(id string) (*container, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.containers[id]; c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("Error: No such container: %s", id) //nolint:staticcheck // in Docker's words
}
