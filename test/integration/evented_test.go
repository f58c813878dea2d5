package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// eventedAttempts is how many streams of events may end in a kubelet's life before it
// opens no other (eventedPlegMaxStreamRetries in pkg/kubelet/kubelet.go).
const eventedAttempts = 5

const (
	endedStreams   = "kubelet_evented_pleg_connection_error_count"
	eventsReceived = "kubelet_evented_pleg_connection_latency_seconds_count"
	relists        = "kubelet_pleg_relist_duration_seconds_count"
)

// evented is a kubelet that learns of containers from events, and asks for lists as
// streams.
type evented struct {
	*testbed.Kubelet

	pods  int
	first *testbed.Container // of the first pod
}

// newEvented starts such a kubelet with one pod, whose events it has got.
func newEvented(t *testing.T, containerd *testbed.Containerd, endpoint string) *evented {
	t.Helper()
	kubelet := startKubelet(t, containerd, testbed.KubeletOptions{
		Endpoint: endpoint, Logs: testbed.LeftToTheShim(),
		FeatureGates: map[string]bool{"EventedPLEG": true, "CRIListStreaming": true},
	})
	e := &evented{Kubelet: kubelet}
	e.getsEvents(t)
	return e
}

// count is one of kubelet's metrics.
func (e *evented) count(t *testing.T, name string) int {
	t.Helper()
	value, err := e.Metric(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return int(value)
}

// runPod makes kubelet run one more pod, whose container runs for good.
func (e *evented) runPod(t *testing.T) {
	t.Helper()
	e.pods++
	_, container := runStatic(t, e.Kubelet, "evented-"+strconv.Itoa(e.pods), "Always", "sleep", "1000000")
	if e.first == nil {
		e.first = container
	}
}

// getsEvents runs a pod and waits until kubelet has got events of it.
func (e *evented) getsEvents(t *testing.T) {
	t.Helper()
	before := e.count(t, eventsReceived)
	e.runPod(t)
	eventually(t, func(ctx context.Context) error {
		now, err := e.Metric(ctx, eventsReceived)
		if err == nil && int(now) < before+2 {
			err = fmt.Errorf("kubelet has got %d events of its new pod", int(now)-before)
		}
		return err
	})
}

// hasGivenUp waits until kubelet lists all containers every second instead.
func (e *evented) hasGivenUp(t *testing.T) {
	t.Helper()
	before := e.count(t, relists)
	eventually(t, func(ctx context.Context) error {
		now, err := e.Metric(ctx, relists)
		if err == nil && int(now) < before+3 {
			err = fmt.Errorf("kubelet has listed all containers %d times", int(now)-before)
		}
		return err
	})
	received := e.count(t, eventsReceived)
	e.runPod(t)
	if now := e.count(t, eventsReceived); now != received {
		t.Errorf("kubelet has got %d events after it had given them up", now-received)
	}
}

// costs restarts something and checks how many of its attempts that has cost kubelet.
func (e *evented) costs(t *testing.T, what string, attempts int, restart func() error) {
	t.Helper()
	before := e.count(t, endedStreams)
	if err := restart(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if before+attempts < eventedAttempts {
		e.getsEvents(t)
	} else {
		e.hasGivenUp(t)
	}
	if cost := e.count(t, endedStreams) - before; cost != attempts {
		t.Errorf("%s has cost kubelet %d attempts, not %d", what, cost, attempts)
	}
	if status, err := e.first.Status(t.Context()); err != nil || status.State != runtimeapi.ContainerState_CONTAINER_RUNNING {
		t.Errorf("%s has ended a container: %v %v", what, status.GetState(), err)
	}
}

// What restarts cost kubelet of its attempts to follow events is what the operators'
// manual says.
func TestWhatRestartsCostKubelet(t *testing.T) {
	t.Run("through the shim", func(t *testing.T) {
		t.Parallel()
		onNewest(t, restartsThroughTheShim)
	})
	t.Run("over a hand-over", func(t *testing.T) {
		t.Parallel()
		onNewest(t, handOver)
	})
	t.Run("through a shim without a socket unit", func(t *testing.T) {
		t.Parallel()
		onNewest(t, func(t *testing.T, containerd *testbed.Containerd) {
			shim, _ := newShim(t, containerd, nil)
			kubelet := newEvented(t, containerd, shim.Config.Listen)
			kubelet.costs(t, "a restart of a shim that makes its socket itself", eventedAttempts, func() error {
				return errors.Join(shim.Stop(t.Context()), shim.Start(t.Context()))
			})
		})
	})
	t.Run("without the shim", func(t *testing.T) {
		t.Parallel()
		onNewest(t, func(t *testing.T, containerd *testbed.Containerd) {
			kubelet := newEvented(t, containerd, containerd.Endpoint())
			kubelet.costs(t, "a restart of containerd without a shim", eventedAttempts, func() error {
				return errors.Join(containerd.Stop(t.Context()), containerd.Start(t.Context()))
			})
		})
	})
}

func restartsThroughTheShim(t *testing.T, containerd *testbed.Containerd) {
	t.Helper()
	shim, _ := newShim(t, containerd, func(c *config.Configuration) { c.Links.LegacyDir = containerd.LegacyDir() })
	ctx := t.Context()
	if err := errors.Join(shim.Stop(ctx), shim.HoldSocket(), shim.Start(ctx)); err != nil {
		t.Fatal(err)
	}
	kubelet := newEvented(t, containerd, shim.Config.Listen)
	kubelet.costs(t, "a reload", 0, func() error { return shim.Reload(ctx) })
	kubelet.costs(t, "a restart of the shim", 1, func() error { return errors.Join(shim.Stop(ctx), shim.Start(ctx)) })
	kubelet.costs(t, "a shim that was killed", 1, func() error { return errors.Join(shim.Kill(), shim.Start(ctx)) })
	checkListsAreStreamed(t, shim)
	if err := errors.Join(kubelet.Stop(ctx), kubelet.Start(ctx)); err != nil {
		t.Fatal(err)
	}
	if used := kubelet.count(t, endedStreams); used != 0 {
		t.Errorf("kubelet has used %d attempts since it was restarted", used)
	}
	kubelet.costs(t, "a restart of containerd", 1, func() error { return errors.Join(containerd.Stop(ctx), containerd.Start(ctx)) })
	kubelet.costs(t, "a containerd that was killed", 1, func() error { return missesNoEnd(t, kubelet, containerd) })
}

// handOver: the stream stays with the process that has it, until that is ended.
func handOver(t *testing.T, containerd *testbed.Containerd) {
	t.Helper()
	shim, _ := newShim(t, containerd, nil)
	if err := errors.Join(shim.Stop(t.Context()), shim.HoldSocket(), shim.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	kubelet := newEvented(t, containerd, shim.Config.Listen)
	kubelet.costs(t, "a hand-over", 0, func() error {
		successor, err := shim.HandOver(t.Context())
		if err != nil {
			return err
		}
		t.Cleanup(func() {
			if err := successor.Kill(); err != nil {
				t.Errorf("end the successor: %v", err)
			}
			if _, err := successor.Wait(); err != nil {
				t.Errorf("end the successor: %v", err)
			}
		})
		return nil
	})
	kubelet.costs(t, "the end of the process with the stream", 1, func() error { return shim.Kill() })
}

// missesNoEnd kills a container while containerd is dead. Kubelet makes another one when
// containerd is back, though nothing tells it of the end but the list that it asks for:
// the next that it asks for by itself is five minutes away.
func missesNoEnd(t *testing.T, kubelet *evented, containerd *testbed.Containerd) error {
	t.Helper()
	mark := strconv.Itoa(1_000_000 + rand.IntN(1_000_000_000))
	pod, first := runStatic(t, kubelet.Kubelet, "killed", "Always", "sleep", mark)
	if err := containerd.Kill(t.Context()); err != nil {
		return err
	}
	eventually(t, func(context.Context) error { return killCommand("sleep", mark) }) // it may not be that yet
	if err := containerd.Start(t.Context()); err != nil {
		return err
	}
	eventually(t, func(ctx context.Context) error {
		containers, err := kubelet.Containers(ctx, pod)
		if err == nil && (len(containers) == 0 || containers[0].ID == first.ID) {
			err = errors.New("the container that was killed has no successor")
		}
		return err
	})
	return nil
}

// killCommand kills the one process with a command line.
func killCommand(command ...string) error {
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	for _, process := range processes {
		pid, err := strconv.Atoi(process.Name())
		if err != nil {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", process.Name(), "cmdline"))
		if err == nil && bytes.Equal(line, []byte(strings.Join(command, "\x00")+"\x00")) {
			return syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return fmt.Errorf("no process has the command line %q", command)
}

// checkListsAreStreamed checks that kubelet asks for lists as streams, and has never
// fallen back.
func checkListsAreStreamed(t *testing.T, shim *testbed.Shim) {
	t.Helper()
	for method, used := range map[string]bool{
		"StreamContainers": true, "StreamPodSandboxes": true, "ListPodSandbox": false, "ListImages": false,
	} {
		calls, err := shim.Metric(t.Context(), "grpc_server_started_total", `grpc_method="`+method+`"`)
		if err != nil {
			t.Fatal(err)
		}
		if calls > 0 != used {
			t.Errorf("kubelet has called %s %v times", method, calls)
		}
	}
	failed, err := shim.Metric(t.Context(), "grpc_server_handled_total", `grpc_method="StreamContainers"`, `grpc_code="Unimplemented"`)
	if err != nil || failed > 0 {
		t.Errorf("StreamContainers was refused %v times: %v", failed, err)
	}
}
