package integration

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// A pod's whole life, seen by a client of the shim, is the life that a client of
// containerd sees: every answer and every error, under both names of the API.
func TestLifeOfAPodIsTheSameThroughTheShim(t *testing.T) {
	onEach(t, func(t *testing.T, containerd *testbed.Containerd) {
		shim, _ := newShim(t, containerd, nil)
		port := shout(t)
		config := containerd.PodConfig("default", "life")
		for _, api := range apis() {
			t.Run(api.name, func(t *testing.T) {
				seen := twoLives(t, api, config, port, containerd.Endpoint(), shim.Config.Listen)
				if containerd.Version == testbed.Middle {
					// It tells each event to one client only, and the first one to a client that has just left.
					withoutEvents(seen)
				}
				same(t, seen[0], seen[1])
				checkLife(t, seen[0], missing[containerd.Version+" "+api.name], api.name == "v1" || containerd.Version != testbed.Newest)
			})
		}
	})
}

// api is a name of the API, and how to make a client that uses it.
type api struct {
	name string
	dial func(endpoint string) (*testbed.Client, error)
}

func apis() []api { return []api{{"v1", testbed.Dial}, {"v1alpha2", testbed.DialV1alpha2}} }

// twoLives are those of the same pod, directly and through the shim.
func twoLives(t *testing.T, api api, config *runtimeapi.PodSandboxConfig, port int, direct, through string) (seen []*transcript) {
	t.Helper()
	for _, endpoint := range []string{direct, through} {
		client, err := api.dial(endpoint)
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, life(t, client, config, port))
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
	return seen
}

// withoutEvents leaves out which events came, though not that they could be asked for.
func withoutEvents(seen []*transcript) {
	for _, life := range seen {
		life.steps = slices.DeleteFunc(life.steps, func(s step) bool { return s.name == "events" })
	}
}

// checkLife makes sure that the comparison compared something: that every method of the
// API was called, and that those which the runtime has worked.
func checkLife(t *testing.T, life *transcript, missing []string, known bool) {
	t.Helper()
	worked := map[string]bool{}
	for _, s := range life.steps {
		method, _, _ := strings.Cut(s.name, " ")
		worked[method] = worked[method] || s.err == nil
	}
	for _, service := range []grpc.ServiceDesc{runtimeapi.RuntimeService_ServiceDesc, runtimeapi.ImageService_ServiceDesc} {
		var methods []string
		for _, method := range service.Methods {
			methods = append(methods, method.MethodName)
		}
		for _, method := range service.Streams {
			methods = append(methods, method.StreamName)
		}
		for _, method := range methods {
			want := known && !slices.Contains(missing, method)
			switch works, called := worked[method]; {
			case !called:
				t.Errorf("%s was not called", method)
			case works != want:
				t.Errorf("%s: worked: %t, expected: %t", method, works, want)
			}
		}
	}
}

// missing are the methods that a version does not have under a name of the API, or that
// cannot work here.
var missing = map[string][]string{
	testbed.Newest + " v1":       nowhere,
	"dockershim v1alpha2":        missingInDockershim,
	testbed.Middle + " v1":       missingIn1,
	testbed.Middle + " v1alpha2": append([]string{"GetContainerEvents"}, missingIn1...),
	testbed.Oldest + " v1":       append([]string{"GetContainerEvents"}, missingIn1...),
	testbed.Oldest + " v1alpha2": append([]string{"GetContainerEvents"}, missingIn1...),
}

// nowhere works in a test what needs a registry or a checkpoint, missingIn1 is what
// containerd 1 lacks besides, and missingInDockershim what dockershim lacks.
var (
	nowhere    = []string{"PullImage", "CheckpointContainer", "CheckpointPod", "RestorePod"}
	missingIn1 = append([]string{
		"RuntimeConfig", "ListMetricDescriptors", "ListPodSandboxMetrics", "UpdatePodSandboxResources",
		"StreamContainers", "StreamPodSandboxes", "StreamContainerStats", "StreamPodSandboxStats", "StreamPodSandboxMetrics", "StreamImages",
	}, nowhere...)
	missingInDockershim = append([]string{
		"GetContainerEvents", "ReopenContainerLog", "PodSandboxStats", "ListPodSandboxStats",
		"UpdateContainerResources", // Docker wants a limit of swap with one of memory, and dockershim gives none
	}, missingIn1...)
)

// life makes every call of the API in the course of a pod's life, and some that must fail.
// The port is one of the machine to be reached through the pod; 0: the runtime lacks what it
// takes.
func life(t *testing.T, c *testbed.Client, config *runtimeapi.PodSandboxConfig, port int) *transcript {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	l := newTranscript()
	events := follow(ctx, c)

	node(ctx, l, c)
	pod := call(ctx, l, "RunPodSandbox", c.RunPodSandbox, &runtimeapi.RunPodSandboxRequest{Config: config}).GetPodSandboxId()
	create := func(config *runtimeapi.ContainerConfig, sandbox *runtimeapi.PodSandboxConfig) string {
		return call(ctx, l, "CreateContainer", c.CreateContainer, &runtimeapi.CreateContainerRequest{
			PodSandboxId: pod, Config: config, SandboxConfig: sandbox,
		}).GetContainerId()
	}
	app := create(testbed.ContainerConfig("app", 0, "sleep", "1000"), config)
	look(ctx, l, c, pod, app)
	call(ctx, l, "StartContainer", c.StartContainer, &runtimeapi.StartContainerRequest{ContainerId: app})
	look(ctx, l, c, pod, app)
	measure(ctx, l, c, pod, app)
	change(ctx, l, c, pod, app)
	execute(ctx, l, c, app)

	greeter := testbed.ContainerConfig("greeter", 3, "sh", "-c", greets)
	greeter.Stdin, greeter.StdinOnce = true, true
	attach(ctx, l, c, create(greeter, config))
	if address := call(ctx, l, "PortForward", c.PortForward, &runtimeapi.PortForwardRequest{PodSandboxId: pod}).GetUrl(); address != "" && port > 0 {
		back, err := forward(address, port, "hello")
		l.noteText("forward", back)
		if err != nil {
			t.Errorf("forward a port: %v", err)
		}
	}

	call(ctx, l, "StopContainer", c.StopContainer, &runtimeapi.StopContainerRequest{ContainerId: app})
	look(ctx, l, c, pod, app)
	call(ctx, l, "StartContainer again", c.StartContainer, &runtimeapi.StartContainerRequest{ContainerId: app})
	call(ctx, l, "ReopenContainerLog of an exited one", c.ReopenContainerLog, &runtimeapi.ReopenContainerLogRequest{ContainerId: app})
	call(ctx, l, "RemoveContainer", c.RemoveContainer, &runtimeapi.RemoveContainerRequest{ContainerId: app})
	call(ctx, l, "RemoveContainer again", c.RemoveContainer, &runtimeapi.RemoveContainerRequest{ContainerId: app})
	call(ctx, l, "StopPodSandbox", c.StopPodSandbox, &runtimeapi.StopPodSandboxRequest{PodSandboxId: pod})
	stopped(ctx, t, c, pod)
	look(ctx, l, c, pod, app)
	call(ctx, l, "RemovePodSandbox", c.RemovePodSandbox, &runtimeapi.RemovePodSandboxRequest{PodSandboxId: pod})
	look(ctx, l, c, pod, app)
	create(testbed.ContainerConfig("late", 0), config)
	create(nil, nil)

	events.until(l, pod)
	return l
}
