package interceptors

import (
	"bytes"
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

func answerCreated(context.Context, string, []byte) ([]byte, error) {
	return proto.Marshal(&cri.CreateContainerResponse{ContainerId: "made"})
}

// What the caller has left empty is filled, what it has given stays, and
// nothing else changes: neither fields from the future nor the answer.
func TestFill(t *testing.T) {
	const directory, path = "/pods/ns_pod_uid", "app/0.log"
	for name, test := range map[string]struct{ directory, path, wantDirectory, wantPath string }{
		"both":      {"", "", directory, path},
		"directory": {"", "my/own.log", directory, "my/own.log"},
		"path":      {"/my/own", "", "/my/own", path},
	} {
		for _, service := range criServices {
			t.Run(name+" of "+service, func(t *testing.T) {
				b := newBed(t, answerCreated)
				method := "/" + service + "/CreateContainer"
				sent := createRequest(test.directory, test.path)
				// From the future, too, inside of what is changed.
				for _, m := range []proto.Message{sent.Config, sent.SandboxConfig, sent} {
					m.ProtoReflect().SetUnknown(foreign(t, &cri.VersionRequest{}))
				}
				request, err := proto.Marshal(sent)
				if err != nil {
					t.Fatal(err)
				}

				with := call(t.Context(), b.client, method, request)
				calls := b.upstream.take()
				same(t, with, call(t.Context(), b.bare, method, request))
				if len(calls) != 1 || calls[0].method != method {
					t.Fatalf("the runtime has seen %v, want one %s", calls, method)
				}
				got := &cri.CreateContainerRequest{}
				if err := proto.Unmarshal(calls[0].request, got); err != nil {
					t.Fatal(err)
				}
				want := proto.CloneOf(sent)
				want.SandboxConfig.LogDirectory, want.Config.LogPath = test.wantDirectory, test.wantPath
				if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
					t.Errorf("the runtime has got something else (- want, + got):\n%s", diff)
				}
				b.stop()
				facts := b.logs.take()
				if len(facts) != 1 || facts[0].container.LogDirectory != test.wantDirectory || facts[0].container.LogPath != test.wantPath {
					t.Errorf("the log manager was told %+v, want the path that the runtime was told", facts)
				}
				failures(t, b, nil)
			})
		}
	}
}

// A name that cannot be a log's is the runtime's business: the call goes on as
// it is, and the log manager is told that it was refused. Its path, when the
// caller gives one itself, is judged by the log manager.
func TestUnfitNames(t *testing.T) {
	unfit := createRequest("", "")
	unfit.Config.Metadata.Name = ".."
	given := createRequest("/pods/../../etc", "../../shadow")
	for name, test := range map[string]struct {
		request *cri.CreateContainerRequest
		told    string
	}{
		"unfit name": {unfit, "refused"},
		"given path": {given, "created"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, answerCreated)
			const method = "/runtime.v1.RuntimeService/CreateContainer"
			request := foreign(t, test.request)
			with := call(t.Context(), b.client, method, request)
			arrived(t, b.upstream.take(), received{method, request})
			same(t, with, call(t.Context(), b.bare, method, request))
			b.stop()
			facts := b.logs.take()
			if len(facts) != 1 || facts[0].what != test.told {
				t.Fatalf("the log manager was told %+v, want %s once", facts, test.told)
			}
			c, config, sandbox := facts[0].container, test.request.Config, test.request.SandboxConfig
			if c.Name != config.Metadata.Name || c.LogPath != config.LogPath || c.LogDirectory != sandbox.LogDirectory {
				t.Errorf("the log manager was told %+v, want what the caller has said", c)
			}
			failures(t, b, nil)
		})
	}
}

// A request without the names that a path is made of is forwarded as it is.
func TestCreateWithoutNames(t *testing.T) {
	for name, request := range map[string]*cri.CreateContainerRequest{
		"nothing":             {},
		"no metadata":         {Config: &cri.ContainerConfig{}, SandboxConfig: &cri.PodSandboxConfig{}},
		"no sandbox config":   {Config: &cri.ContainerConfig{Metadata: &cri.ContainerMetadata{Name: "app"}}},
		"no container config": {SandboxConfig: &cri.PodSandboxConfig{Metadata: &cri.PodSandboxMetadata{Name: "pod"}}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, answerCreated)
			const method = "/runtime.v1.RuntimeService/CreateContainer"
			data := foreign(t, request)
			if got := call(t.Context(), b.client, method, data); got.err != nil {
				t.Error(got.err)
			}
			arrived(t, b.upstream.take(), received{method, data})
			b.stop()
			told(t, b.logs.take(), nil)
			failures(t, b, nil)
		})
	}
}

// A path that cannot be sent is not sent, and not told either: the container
// has no such path.
func TestFillWithoutEncoding(t *testing.T) {
	b := newBed(t, answerCreated)
	b.logs.place = func(logmgr.Container) (string, string, error) { return "/pods/\xff", "app/0.log", nil }
	const method = "/runtime.v1.RuntimeService/CreateContainer"
	request := foreign(t, createRequest("", ""))
	with := call(t.Context(), b.client, method, request)
	calls := b.upstream.take()
	same(t, with, call(t.Context(), b.bare, method, request))
	if len(calls) != 1 || !bytes.Equal(calls[0].request, request) {
		t.Errorf("the runtime has seen %q, want %q", calls, request)
	}
	b.stop()
	told(t, b.logs.take(), nil)
	failures(t, b, map[string]float64{"CreateContainer before": 1})
}
