package criruntime

import (
	"context"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Name returns what the runtime calls itself, such as "containerd" or "docker".
func (r *Runtime) Name(ctx context.Context) (string, error) {
	var version cri.VersionResponse
	if err := r.call(ctx, "Version", &cri.VersionRequest{}, &version); err != nil {
		return "", err
	}
	return version.GetRuntimeName(), nil
}
