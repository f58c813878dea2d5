package interceptors

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// hooked is a method that has a hook, with a call of it and what the log
// manager is to learn from that call.
type hooked struct {
	method            string
	request, response proto.Message
	success, failure  []fact // what is told when the runtime accepts, and refuses
	told              string // the log manager's method that is called after the call; empty: none
	asked             string // the one that is called before; empty: none
	passed            string // the one that is called with the answer, before that goes on; empty: none
}

// hookedMethods are all of them.
func hookedMethods() []hooked {
	create := createRequest("/pods/ns_pod_uid", "app/2.log")
	container := logmgr.Container{
		ID: "made", SandboxID: "sandbox", Namespace: "ns", Pod: "pod", PodUID: "uid", Name: "app", Attempt: 2,
		PodLabels:      map[string]string{"team": "web"},
		PodAnnotations: map[string]string{"cri-logshim.io/maxSize": "1Mi", "app.cri-logshim.io/maxFiles": "3"},
		LogDirectory:   "/pods/ns_pod_uid", LogPath: "app/2.log", State: logmgr.StateCreated,
	}
	return []hooked{
		{
			method: "CreateContainer", request: create, response: &cri.CreateContainerResponse{ContainerId: "made"},
			success: []fact{{what: "created", id: "made", container: container}}, told: "Created",
		},
		{
			method: "StartContainer", request: &cri.StartContainerRequest{ContainerId: "one"}, response: &cri.StartContainerResponse{},
			success: []fact{{what: "started", id: "one"}}, failure: []fact{{what: "started", id: "one", failed: true}}, told: "Started",
		},
		{
			method: "StopContainer", request: &cri.StopContainerRequest{ContainerId: "one", Timeout: 30}, response: &cri.StopContainerResponse{},
			success: []fact{{what: "stopped", id: "one"}}, told: "Stopped",
		},
		{
			method: "RemoveContainer", request: &cri.RemoveContainerRequest{ContainerId: "one"}, response: &cri.RemoveContainerResponse{},
			success: []fact{{what: "removed", id: "one"}}, told: "Removed",
		},
		{
			method: "RemovePodSandbox", request: &cri.RemovePodSandboxRequest{PodSandboxId: "sandbox"}, response: &cri.RemovePodSandboxResponse{},
			success: []fact{{what: "sandbox removed", id: "sandbox"}}, told: "SandboxRemoved",
		},
		{
			method:   "ContainerStatus",
			request:  &cri.ContainerStatusRequest{ContainerId: "one", Verbose: true},
			response: &cri.ContainerStatusResponse{Status: &cri.ContainerStatus{Id: "one", LogPath: "/pods/x/app/0.log"}, Info: map[string]string{"a": "b"}},
			success:  []fact{{what: "held", id: "one"}}, passed: "Hold",
		},
		{
			method: "ReopenContainerLog", request: &cri.ReopenContainerLogRequest{ContainerId: "one"}, response: &cri.ReopenContainerLogResponse{},
			success: []fact{{what: "reopened", id: "one"}}, failure: []fact{{what: "reopened", id: "one", failed: true}},
			told: "done", asked: "BeginReopen",
		},
	}
}

func createRequest(logDirectory, logPath string) *cri.CreateContainerRequest {
	return &cri.CreateContainerRequest{
		PodSandboxId: "sandbox",
		Config: &cri.ContainerConfig{
			Metadata: &cri.ContainerMetadata{Name: "app", Attempt: 2},
			Image:    &cri.ImageSpec{Image: "busybox"},
			Args:     []string{"a", "", "b"},
			LogPath:  logPath,
			Labels:   map[string]string{"io.kubernetes.pod.uid": "uid"},
		},
		SandboxConfig: &cri.PodSandboxConfig{
			Metadata:     &cri.PodSandboxMetadata{Name: "pod", Namespace: "ns", Uid: "uid", Attempt: 1},
			LogDirectory: logDirectory,
			Labels:       map[string]string{"team": "web", "io.kubernetes.pod.uid": "uid"},
			Annotations: map[string]string{
				"cri-logshim.io/maxSize": "1Mi", "app.cri-logshim.io/maxFiles": "3", "sidecar.cri-logshim.io/maxFiles": "4", "example.com/x": "y",
			},
		},
	}
}

// foreign returns a message in bytes that nobody gets who decodes it and
// encodes it again: with a field from the future at either end, and without the
// usual order.
func foreign(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	out := protowire.AppendTag(nil, 4242, protowire.BytesType)
	out = protowire.AppendString(out, "a field of next year")
	out = append(out, data...)
	out = protowire.AppendTag(out, 4243, protowire.VarintType)
	return protowire.AppendVarint(out, 7)
}

// undecodable is no message of any type.
var undecodable = []byte{0x0a, 0xff, 0xff, 0xff, 0x0f, 'x'}

// criServices are the names of CRI, old and new.
var criServices = [...]string{"runtime.v1.RuntimeService", "runtime.v1alpha2.RuntimeService"}

// forEachHook runs a test of every hook under both names of its method.
func forEachHook(t *testing.T, f func(t *testing.T, h hooked, fullMethod string)) {
	t.Helper()
	for _, service := range criServices {
		for _, h := range hookedMethods() {
			t.Run(h.method+" of "+service, func(t *testing.T) { f(t, h, "/"+service+"/"+h.method) })
		}
	}
}
