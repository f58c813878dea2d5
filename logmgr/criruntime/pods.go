package criruntime

import (
	"context"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// Sandbox is one sandbox as the runtime lists it.
type Sandbox struct {
	ID, Namespace, Pod, PodUID string
	// Ready tells the sandbox of a pod that runs from those of its past.
	Ready   bool
	Created time.Time
	// Labels and Annotations are all that the sandbox was made with.
	Labels, Annotations map[string]string
}

// Sandboxes returns every sandbox that the runtime knows.
func (r *Runtime) Sandboxes(ctx context.Context) ([]Sandbox, error) {
	resp := &cri.ListPodSandboxResponse{}
	if err := r.call(ctx, "ListPodSandbox", &cri.ListPodSandboxRequest{}, resp); err != nil {
		return nil, err
	}
	var all []Sandbox
	for _, s := range resp.GetItems() {
		all = append(all, Sandbox{
			ID:          s.GetId(),
			Namespace:   s.GetMetadata().GetNamespace(),
			Pod:         s.GetMetadata().GetName(),
			PodUID:      s.GetMetadata().GetUid(),
			Ready:       s.GetState() == cri.PodSandboxState_SANDBOX_READY,
			Created:     time.Unix(0, s.GetCreatedAt()),
			Labels:      s.GetLabels(),
			Annotations: s.GetAnnotations(),
		})
	}
	return all, nil
}

// Containers returns the containers of a sandbox, without their log paths, which
// a list does not tell.
func (r *Runtime) Containers(ctx context.Context, s Sandbox) ([]logmgr.Container, error) {
	resp := &cri.ListContainersResponse{}
	err := r.call(ctx, "ListContainers", &cri.ListContainersRequest{Filter: &cri.ContainerFilter{PodSandboxId: s.ID}}, resp)
	if err != nil {
		return nil, err
	}
	var all []logmgr.Container
	for _, c := range resp.GetContainers() {
		all = append(all, logmgr.Container{
			ID:             c.GetId(),
			SandboxID:      s.ID,
			Namespace:      s.Namespace,
			Pod:            s.Pod,
			PodUID:         s.PodUID,
			Name:           c.GetMetadata().GetName(),
			Attempt:        c.GetMetadata().GetAttempt(),
			PodLabels:      logmgr.LabelsOf(s.Labels),
			PodAnnotations: logmgr.AnnotationsFor(c.GetMetadata().GetName(), s.Annotations),
			State:          state(c.GetState()),
		})
	}
	return all, nil
}
