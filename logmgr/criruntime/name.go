package criruntime

import (
	"context"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Name returns what the runtime calls itself, such as "containerd" or "docker".
func (r *Runtime) Name(ctx context.Context) (string, error) {
	name, _, err := r.Version(ctx)
	return name, err
}

// Version returns what the runtime calls itself, and its version.
func (r *Runtime) Version(ctx context.Context) (name, version string, err error) {
	var answer cri.VersionResponse
	if err := r.call(ctx, "Version", &cri.VersionRequest{}, &answer); err != nil {
		return "", "", err
	}
	return answer.GetRuntimeName(), answer.GetRuntimeVersion(), nil
}
