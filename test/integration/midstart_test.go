package integration

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// gated makes a runc that does not start a container, other than a sandbox, as long as
// a file lies beside it.
func gated(t *testing.T, install *testbed.Install) (gate string) {
	t.Helper()
	dir := t.TempDir()
	gate = filepath.Join(dir, "gate")
	wrapper := filepath.Join(dir, "runc")
	// The shim of containerd runs it in the folder of the sandbox's bundle, beside which
	// the others' lie.
	script := `#!/bin/sh
for id; do :; done
case " $* " in *" start "*)
	if grep -q '"io.kubernetes.cri.container-type":"container"' "../$id/config.json"; then
		while [ -e '` + gate + `' ]; do sleep 0.05; done
	fi
esac
exec '` + install.Runc + `' "$@"
`
	if err := os.WriteFile(wrapper, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	install.Runc = wrapper
	return gate
}

// killedInTheMiddleOfAStart: kubelet is killed between CreateContainer and the end of
// StartContainer. When it is back its pod runs, and the log is managed.
func killedInTheMiddleOfAStart(t *testing.T, n *faultyNode, gate string) testbed.StaticPod {
	t.Helper()
	before, err := n.shim.Metric(t.Context(), "grpc_server_started_total", `grpc_method="StartContainer"`)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	pod := testbed.StaticPod{Name: "midstart", Restart: "Always", Command: []string{"seqwriter", "-rate=500000", "-duration=2s", "-stay"}}
	if err := n.kubelet.Run(pod); err != nil {
		t.Fatal(err)
	}
	var first *testbed.Container
	eventually(t, func(ctx context.Context) error {
		containers, err := n.kubelet.Containers(ctx, pod)
		if err == nil && len(containers) == 0 {
			err = errors.New("the container is not yet created")
		}
		if err != nil {
			return err
		}
		first = containers[0]
		started, err := n.shim.Metric(ctx, "grpc_server_started_total", `grpc_method="StartContainer"`)
		if err == nil && started == before {
			err = errors.New("the container is not yet asked to be started")
		}
		return err
	})
	if status, err := first.Status(t.Context()); err != nil || status.State != runtimeapi.ContainerState_CONTAINER_CREATED {
		t.Fatalf("the container is not in the middle of its start: %v %v", status, err)
	}
	if err := errors.Join(n.kubelet.Kill(t.Context()), n.kubelet.Start(t.Context()), os.Remove(gate)); err != nil {
		t.Fatal(err)
	}
	var last *testbed.Container
	eventually(t, func(ctx context.Context) error {
		var err error
		if last, err = n.kubelet.Running(ctx, pod); err != nil {
			return err
		}
		status, err := last.Status(ctx)
		if err == nil && status.State != runtimeapi.ContainerState_CONTAINER_RUNNING {
			err = errors.New("the pod does not run")
		}
		return err
	})
	isComplete(t, last.LogPath())
	if rotated := len(rotatedNames(t, last.LogPath())); rotated < 3 {
		t.Errorf("the log was rotated %d times", rotated)
	}
	return pod
}
