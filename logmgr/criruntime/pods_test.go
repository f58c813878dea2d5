package criruntime

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// Pods and their containers are told in both versions, with what the pod was
// made with: all of it for the sandbox, and for a container what concerns it.
func TestPods(t *testing.T) {
	for _, version := range []string{newName, oldName} {
		t.Run(version, func(t *testing.T) {
			labels := map[string]string{"team": "web", "io.kubernetes.pod.name": "pod"}
			annotations := map[string]string{"app.cri-logshim.io/maxSize": "1Mi", "other.cri-logshim.io/maxSize": "2Mi", "example.com/x": "y"}
			metadata := &cri.PodSandboxMetadata{Name: "pod", Namespace: "ns", Uid: "uid"}
			fake := &fakeRuntime{
				sandboxes: []*cri.PodSandbox{
					{Id: "one", Metadata: metadata, State: cri.PodSandboxState_SANDBOX_READY, CreatedAt: 7, Labels: labels, Annotations: annotations},
					{Id: "two", Metadata: metadata, State: cri.PodSandboxState_SANDBOX_NOTREADY},
				},
				containers: []*cri.Container{
					{Id: "a", PodSandboxId: "one", Metadata: &cri.ContainerMetadata{Name: "app", Attempt: 2}, State: cri.ContainerState_CONTAINER_EXITED},
					{Id: "b", PodSandboxId: "two", Metadata: &cri.ContainerMetadata{Name: "app"}},
				},
			}
			path := socket(t)
			fake.serve(t, path, version)
			r := connect(t, path)
			sandboxes, err := r.Sandboxes(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			one := Sandbox{
				ID: "one", Namespace: "ns", Pod: "pod", PodUID: "uid", Ready: true, Created: time.Unix(0, 7), Labels: labels, Annotations: annotations,
			}
			if diff := cmp.Diff(one, sandboxes[0]); diff != "" || len(sandboxes) != 2 || sandboxes[1].Ready {
				t.Errorf("%d sandboxes (- want, + got):\n%s", len(sandboxes), diff)
			}
			containers, err := r.Containers(t.Context(), one)
			want := []logmgr.Container{{
				ID: "a", SandboxID: "one", Namespace: "ns", Pod: "pod", PodUID: "uid", Name: "app", Attempt: 2, State: logmgr.StateExited,
				PodLabels: map[string]string{"team": "web"}, PodAnnotations: map[string]string{"app.cri-logshim.io/maxSize": "1Mi"},
			}}
			if diff := cmp.Diff(want, containers); diff != "" || err != nil {
				t.Errorf("containers: %v (- want, + got):\n%s", err, diff)
			}
		})
	}
}

// An error of the runtime is passed on with what may be concluded from it.
func TestPodsRefused(t *testing.T) {
	fake := &fakeRuntime{fail: func(context.Context, string) error { return status.Error(codes.PermissionDenied, "no") }}
	path := socket(t)
	fake.serve(t, path, newName)
	r := connect(t, path)
	if _, err := r.Sandboxes(t.Context()); !errors.Is(err, logmgr.ErrRefused) || status.Code(err) != codes.PermissionDenied {
		t.Errorf("sandboxes: %v", err)
	}
	if _, err := r.Containers(t.Context(), Sandbox{}); !errors.Is(err, logmgr.ErrRefused) {
		t.Errorf("containers: %v", err)
	}
}
