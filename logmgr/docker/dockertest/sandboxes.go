package dockertest

import (
	"context"
	"errors"
	"fmt"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// sandbox is a pod's.
type sandbox struct {
	config  *cri.PodSandboxConfig
	created time.Time
	state   cri.PodSandboxState
}

// Version implements CRI.
func (s *server) Version(context.Context, *cri.VersionRequest) (*cri.VersionResponse, error) {
	return &cri.VersionResponse{Version: "0.1.0", RuntimeName: "docker", RuntimeVersion: "20.10.24", RuntimeApiVersion: "1.41.0"}, nil
}

// Status implements CRI.
func (s *server) Status(context.Context, *cri.StatusRequest) (*cri.StatusResponse, error) {
	return &cri.StatusResponse{Status: &cri.RuntimeStatus{Conditions: []*cri.RuntimeCondition{
		{Type: cri.RuntimeReady, Status: true}, {Type: cri.NetworkReady, Status: true},
	}}}, nil
}

// RunPodSandbox implements CRI.
func (s *server) RunPodSandbox(_ context.Context, req *cri.RunPodSandboxRequest) (*cri.RunPodSandboxResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := newID()
	s.sandboxes[id] = &sandbox{config: req.GetConfig(), created: time.Now()}
	return &cri.RunPodSandboxResponse{PodSandboxId: id}, nil
}

// StopPodSandbox implements CRI.
func (s *server) StopPodSandbox(_ context.Context, req *cri.StopPodSandboxRequest) (*cri.StopPodSandboxResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.sandboxes[req.GetPodSandboxId()]; found != nil {
		found.state = cri.PodSandboxState_SANDBOX_NOTREADY
	}
	return &cri.StopPodSandboxResponse{}, nil
}

// RemovePodSandbox implements CRI. It removes the containers in it.
func (s *server) RemovePodSandbox(ctx context.Context, req *cri.RemovePodSandboxRequest) (*cri.RemovePodSandboxResponse, error) {
	list, err := s.ListContainers(ctx, &cri.ListContainersRequest{Filter: &cri.ContainerFilter{PodSandboxId: req.GetPodSandboxId()}})
	for _, c := range list.GetContainers() {
		_, failed := s.RemoveContainer(ctx, &cri.RemoveContainerRequest{ContainerId: c.GetId()})
		err = errors.Join(err, failed)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sandboxes, req.GetPodSandboxId())
	return &cri.RemovePodSandboxResponse{}, err
}

// PodSandboxStatus implements CRI.
func (s *server) PodSandboxStatus(_ context.Context, req *cri.PodSandboxStatusRequest) (*cri.PodSandboxStatusResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.sandboxes[req.GetPodSandboxId()]
	if found == nil {
		return nil, fmt.Errorf("Error: No such container: %s", req.GetPodSandboxId()) //nolint:staticcheck // in Docker's words
	}
	return &cri.PodSandboxStatusResponse{Status: &cri.PodSandboxStatus{
		Id: req.GetPodSandboxId(), Metadata: found.config.GetMetadata(), State: found.state, CreatedAt: found.created.UnixNano(),
		Labels: found.config.GetLabels(), Annotations: found.config.GetAnnotations(), Network: &cri.PodSandboxNetworkStatus{Ip: "127.0.0.1"},
	}}, nil
}

// ListPodSandbox implements CRI.
func (s *server) ListPodSandbox(_ context.Context, req *cri.ListPodSandboxRequest) (*cri.ListPodSandboxResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	resp, filter := &cri.ListPodSandboxResponse{}, req.GetFilter()
	for id, found := range s.sandboxes {
		if filter.GetId() != "" && filter.GetId() != id || filter.GetState() != nil && filter.GetState().GetState() != found.state ||
			!selects(filter.GetLabelSelector(), found.config.GetLabels()) {
			continue
		}
		resp.Items = append(resp.Items, &cri.PodSandbox{
			Id: id, Metadata: found.config.GetMetadata(), State: found.state, CreatedAt: found.created.UnixNano(),
			Labels: found.config.GetLabels(), Annotations: found.config.GetAnnotations(),
		})
	}
	return resp, nil
}

func selects(selector, labels map[string]string) bool {
	for key, value := range selector {
		if got, ok := labels[key]; !ok || got != value {
			return false
		}
	}
	return true
}
