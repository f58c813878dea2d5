package testbed

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Container is a container of a pod.
type Container struct {
	ID     string
	Config *runtimeapi.ContainerConfig
	Pod    *Pod
}

// LogPath is where the container's configuration puts its log, as the machine sees it.
func (c *Container) LogPath() string {
	return filepath.Join(c.Pod.client.root, c.Pod.Config.LogDirectory, c.Config.LogPath)
}

// Start starts the container.
func (c *Container) Start(ctx context.Context) error {
	if _, err := c.Pod.client.StartContainer(ctx, &runtimeapi.StartContainerRequest{ContainerId: c.ID}); err != nil {
		return fmt.Errorf("start container %q: %w", c.Config.Metadata.Name, err)
	}
	return nil
}

// Stop stops the container: SIGTERM, and SIGKILL after grace, which has whole seconds.
func (c *Container) Stop(ctx context.Context, grace time.Duration) error {
	request := &runtimeapi.StopContainerRequest{ContainerId: c.ID, Timeout: int64(grace / time.Second)}
	if _, err := c.Pod.client.StopContainer(ctx, request); err != nil {
		return fmt.Errorf("stop container %q: %w", c.Config.Metadata.Name, err)
	}
	return nil
}

// Remove removes the container. Its log stays.
func (c *Container) Remove(ctx context.Context) error {
	if _, err := c.Pod.client.RemoveContainer(ctx, &runtimeapi.RemoveContainerRequest{ContainerId: c.ID}); err != nil {
		return fmt.Errorf("remove container %q: %w", c.Config.Metadata.Name, err)
	}
	return nil
}

// Status asks for the container's status.
func (c *Container) Status(ctx context.Context) (*runtimeapi.ContainerStatus, error) {
	answer, err := c.Pod.client.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: c.ID})
	if err != nil {
		return nil, fmt.Errorf("ask for the status of container %q: %w", c.Config.Metadata.Name, err)
	}
	return answer.Status, nil
}

// ReopenLog makes the runtime open the container's log again.
func (c *Container) ReopenLog(ctx context.Context) error {
	_, err := c.Pod.client.ReopenContainerLog(ctx, &runtimeapi.ReopenContainerLogRequest{ContainerId: c.ID})
	if err != nil {
		return fmt.Errorf("reopen the log of container %q: %w", c.Config.Metadata.Name, err)
	}
	return nil
}

// WaitState waits until the container is in a state. An exited container is one whose
// output has all been written to its log.
func (c *Container) WaitState(ctx context.Context, want runtimeapi.ContainerState) (*runtimeapi.ContainerStatus, error) {
	var found *runtimeapi.ContainerStatus
	err := Until(ctx, func(ctx context.Context) error {
		var err error
		if found, err = c.Status(ctx); err == nil && found.State != want {
			err = fmt.Errorf("container %q is in state %v, not %v", c.Config.Metadata.Name, found.State, want)
		}
		return err
	})
	return found, err
}
