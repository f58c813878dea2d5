package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// node asks for what is no pod's.
func node(ctx context.Context, l *transcript, c *testbed.Client) {
	image := &runtimeapi.ImageSpec{Image: testbed.Image}
	none := &runtimeapi.ImageSpec{Image: "localhost/none:1"}
	call(ctx, l, "Version", c.Version, &runtimeapi.VersionRequest{Version: "0.1.0"})
	call(ctx, l, "Status", c.Status, &runtimeapi.StatusRequest{})
	call(ctx, l, "RuntimeConfig", c.RuntimeConfig, &runtimeapi.RuntimeConfigRequest{})
	call(ctx, l, "UpdateRuntimeConfig", c.UpdateRuntimeConfig, &runtimeapi.UpdateRuntimeConfigRequest{
		RuntimeConfig: &runtimeapi.RuntimeConfig{NetworkConfig: &runtimeapi.NetworkConfig{PodCidr: "10.0.0.0/24"}},
	})
	call(ctx, l, "ListMetricDescriptors", c.ListMetricDescriptors, &runtimeapi.ListMetricDescriptorsRequest{})
	call(ctx, l, "ListImages", c.ListImages, &runtimeapi.ListImagesRequest{})
	list(ctx, l, "StreamImages", c.StreamImages, &runtimeapi.StreamImagesRequest{})
	call(ctx, l, "ImageFsInfo", c.ImageFsInfo, &runtimeapi.ImageFsInfoRequest{})
	call(ctx, l, "ImageStatus", c.ImageStatus, &runtimeapi.ImageStatusRequest{Image: image})
	call(ctx, l, "ImageStatus, verbose", c.ImageStatus, &runtimeapi.ImageStatusRequest{Image: image, Verbose: true})
	call(ctx, l, "ImageStatus of none", c.ImageStatus, &runtimeapi.ImageStatusRequest{Image: none})
	call(ctx, l, "PullImage by a bad name", c.PullImage, &runtimeapi.PullImageRequest{Image: &runtimeapi.ImageSpec{Image: "Not A Name"}})
	call(ctx, l, "RemoveImage of none", c.RemoveImage, &runtimeapi.RemoveImageRequest{Image: none})
}

// look asks in every way how a pod and a container of it are.
func look(ctx context.Context, l *transcript, c *testbed.Client, pod, container string) {
	pods := &runtimeapi.PodSandboxFilter{Id: pod}
	containers := &runtimeapi.ContainerFilter{PodSandboxId: pod, Id: container}
	call(ctx, l, "PodSandboxStatus", c.PodSandboxStatus, &runtimeapi.PodSandboxStatusRequest{PodSandboxId: pod})
	call(ctx, l, "ListPodSandbox", c.ListPodSandbox, &runtimeapi.ListPodSandboxRequest{Filter: pods})
	list(ctx, l, "StreamPodSandboxes", c.StreamPodSandboxes, &runtimeapi.StreamPodSandboxesRequest{Filter: pods})
	call(ctx, l, "ContainerStatus", c.ContainerStatus, &runtimeapi.ContainerStatusRequest{ContainerId: container})
	call(ctx, l, "ListContainers", c.ListContainers, &runtimeapi.ListContainersRequest{Filter: containers})
	list(ctx, l, "StreamContainers", c.StreamContainers, &runtimeapi.StreamContainersRequest{Filter: containers})
}

// stopped waits until a pod that was stopped is listed so: containerd 2 learns of the end
// from an event, which may come after the answer to the call. A list that is refused is no
// matter of this.
func stopped(ctx context.Context, t *testing.T, c *testbed.Client, pod string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	err := testbed.Until(ctx, func(ctx context.Context) error {
		pods, err := c.ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{Filter: &runtimeapi.PodSandboxFilter{Id: pod}})
		if err == nil && slices.ContainsFunc(pods.GetItems(), func(p *runtimeapi.PodSandbox) bool {
			return p.GetState() == runtimeapi.PodSandboxState_SANDBOX_READY
		}) {
			return errors.New("a stopped pod is still listed as ready")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// measure asks for all statistics.
func measure(ctx context.Context, l *transcript, c *testbed.Client, pod, container string) {
	pods := &runtimeapi.PodSandboxStatsFilter{Id: pod}
	containers := &runtimeapi.ContainerStatsFilter{PodSandboxId: pod, Id: container}
	call(ctx, l, "ContainerStats", c.ContainerStats, &runtimeapi.ContainerStatsRequest{ContainerId: container})
	call(ctx, l, "ListContainerStats", c.ListContainerStats, &runtimeapi.ListContainerStatsRequest{Filter: containers})
	list(ctx, l, "StreamContainerStats", c.StreamContainerStats, &runtimeapi.StreamContainerStatsRequest{Filter: containers})
	call(ctx, l, "PodSandboxStats", c.PodSandboxStats, &runtimeapi.PodSandboxStatsRequest{PodSandboxId: pod})
	call(ctx, l, "ListPodSandboxStats", c.ListPodSandboxStats, &runtimeapi.ListPodSandboxStatsRequest{Filter: pods})
	list(ctx, l, "StreamPodSandboxStats", c.StreamPodSandboxStats, &runtimeapi.StreamPodSandboxStatsRequest{Filter: pods})
	call(ctx, l, "ListPodSandboxMetrics", c.ListPodSandboxMetrics, &runtimeapi.ListPodSandboxMetricsRequest{})
	list(ctx, l, "StreamPodSandboxMetrics", c.StreamPodSandboxMetrics, &runtimeapi.StreamPodSandboxMetricsRequest{})
}

// change makes the calls that change a running container or pod, or copy one.
func change(ctx context.Context, l *transcript, c *testbed.Client, pod, container string) {
	resources := &runtimeapi.LinuxContainerResources{CpuShares: 512, MemoryLimitInBytes: 256 << 20}
	call(ctx, l, "UpdateContainerResources", c.UpdateContainerResources, &runtimeapi.UpdateContainerResourcesRequest{
		ContainerId: container, Linux: resources,
	})
	call(ctx, l, "UpdatePodSandboxResources", c.UpdatePodSandboxResources, &runtimeapi.UpdatePodSandboxResourcesRequest{
		PodSandboxId: pod, Overhead: resources, Resources: resources,
	})
	call(ctx, l, "ContainerStatus after an update", c.ContainerStatus, &runtimeapi.ContainerStatusRequest{ContainerId: container})
	call(ctx, l, "ReopenContainerLog", c.ReopenContainerLog, &runtimeapi.ReopenContainerLogRequest{ContainerId: container})
	call(ctx, l, "CheckpointContainer", c.CheckpointContainer, &runtimeapi.CheckpointContainerRequest{ContainerId: "none"})
	call(ctx, l, "CheckpointPod", c.CheckpointPod, &runtimeapi.CheckpointPodRequest{PodSandboxId: "none"})
	call(ctx, l, "RestorePod", c.RestorePod, &runtimeapi.RestorePodRequest{})
}

// execute runs commands in a container, both ways.
func execute(ctx context.Context, l *transcript, c *testbed.Client, container string) {
	for _, command := range []string{"echo out", "echo out; echo err >&2; exit 3"} {
		call(ctx, l, "ExecSync of "+command, c.ExecSync, &runtimeapi.ExecSyncRequest{ContainerId: container, Cmd: []string{"sh", "-c", command}})
	}
	call(ctx, l, "ExecSync of none", c.ExecSync, &runtimeapi.ExecSyncRequest{ContainerId: container, Cmd: []string{"/none"}})
	call(ctx, l, "ExecSync that takes too long", c.ExecSync, &runtimeapi.ExecSyncRequest{ContainerId: container, Cmd: []string{"sleep", "100"}, Timeout: 1})
	answer := call(ctx, l, "Exec", c.Exec, &runtimeapi.ExecRequest{
		ContainerId: container, Cmd: []string{"sh", "-c", "cat; echo err >&2; exit 3"}, Stdin: true, Stdout: true, Stderr: true,
	})
	if address := answer.GetUrl(); address != "" {
		var stdout bytes.Buffer
		ended := stream(ctx, address, strings.NewReader("from stdin"), &stdout)
		l.noteText("exec", fmt.Sprintf("stdout %q, %s", &stdout, ended))
	}
	call(ctx, l, "Exec without a stream", c.Exec, &runtimeapi.ExecRequest{ContainerId: container, Cmd: []string{"true"}})
}

// greets is a script that asks until it is answered, since the runtime may pass on what is said
// before it gives anybody what is asked, and that lives until nobody speaks to it any more, since
// the runtime may drop at the exit what it has not read.
const greets = `while :; do echo "Who?"; usleep 100000; done & read name; kill $!; wait; echo "Hello, $name"; cat`

// attach starts a container that runs greets, and speaks to it.
func attach(ctx context.Context, l *transcript, c *testbed.Client, container string) {
	call(ctx, l, "StartContainer", c.StartContainer, &runtimeapi.StartContainerRequest{ContainerId: container})
	answer := call(ctx, l, "Attach", c.Attach, &runtimeapi.AttachRequest{ContainerId: container, Stdin: true, Stdout: true, Stderr: true})
	address := answer.GetUrl()
	if address == "" {
		return
	}
	l.noteText("attach", introduce(ctx, address))
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	err := testbed.Until(ctx, func(ctx context.Context) error {
		answer, err := c.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: container})
		if err == nil && answer.Status.State != runtimeapi.ContainerState_CONTAINER_EXITED {
			err = fmt.Errorf("it is in state %v", answer.Status.State)
		}
		return err
	})
	l.note("the end of the attached container", err)
	call(ctx, l, "ContainerStatus of an exited one", c.ContainerStatus, &runtimeapi.ContainerStatusRequest{ContainerId: container})
}

// introduce says a name when it is asked, ends when it is greeted, and tells how that went.
func introduce(ctx context.Context, address string) string {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	stdin, said := io.Pipe()
	heard, stdout := io.Pipe()
	ended := make(chan string, 1)
	go func() {
		ended <- stream(ctx, address, stdin, stdout)
		stdin.Close()
		stdout.Close()
	}()
	s := newScreen(heard)
	err := s.shows(ctx, "Who?\n")
	if err == nil {
		_, err = io.WriteString(said, "pod\n")
	}
	if err == nil {
		err = s.shows(ctx, "Hello, pod\n")
	}
	said.Close()
	return fmt.Sprintf("error %v, rest %q, %s", err, s.rest(), <-ended)
}

// events follows GetContainerEvents of a client.
type events struct {
	stream grpc.ServerStreamingClient[runtimeapi.ContainerEventResponse]
	err    error
}

func follow(ctx context.Context, c *testbed.Client) *events {
	e := &events{}
	e.stream, e.err = c.GetContainerEvents(ctx, &runtimeapi.GetEventsRequest{})
	return e
}

// until notes which events came, up to the removal of a pod. What an event says of the
// pod's state depends on the moment, and is left out.
func (e *events) until(l *transcript, pod string) {
	var seen strings.Builder
	for e.err == nil {
		var event *runtimeapi.ContainerEventResponse
		if event, e.err = e.stream.Recv(); e.err != nil {
			break
		}
		fmt.Fprintf(&seen, "%s %v\n", event.ContainerId, event.ContainerEventType)
		if event.ContainerId == pod && event.ContainerEventType == runtimeapi.ContainerEventType_CONTAINER_DELETED_EVENT {
			break
		}
	}
	l.note("GetContainerEvents", e.err)
	if seen.Len() > 0 {
		l.noteText("events", seen.String())
	}
}
