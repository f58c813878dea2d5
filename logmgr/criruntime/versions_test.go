package criruntime

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

const (
	newName = "runtime.v1"
	oldName = "runtime.v1alpha2"
)

func containers() []*cri.Container {
	var all []*cri.Container
	for id, state := range map[string]cri.ContainerState{
		"created": cri.ContainerState_CONTAINER_CREATED,
		"running": cri.ContainerState_CONTAINER_RUNNING,
		"exited":  cri.ContainerState_CONTAINER_EXITED,
		"unknown": cri.ContainerState_CONTAINER_UNKNOWN,
	} {
		all = append(all, &cri.Container{
			Id: id, PodSandboxId: "sandbox", State: state, Metadata: &cri.ContainerMetadata{Name: "app-" + id, Attempt: 3},
		})
	}
	return all
}

// Both versions tell the same facts.
func TestFacts(t *testing.T) {
	states := map[string]logmgr.State{
		"created": logmgr.StateCreated, "running": logmgr.StateRunning, "exited": logmgr.StateExited, "unknown": logmgr.StateUnknown,
	}
	for _, version := range []string{newName, oldName} {
		t.Run(version, func(t *testing.T) {
			fake := &fakeRuntime{
				containers: containers(), sandbox: &cri.PodSandboxMetadata{Name: "pod", Namespace: "ns", Uid: "uid"},
				labels:      map[string]string{"team": "web", "io.kubernetes.pod.name": "pod"},
				annotations: map[string]string{"cri-logshim.io/maxSize": "1Mi", "other.cri-logshim.io/maxSize": "2Mi", "example.com/maxSize": "3Mi"},
			}
			path := socket(t)
			fake.serve(t, path, version)
			r := connect(t, path)

			listed, err := r.List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]logmgr.State{}
			for _, l := range listed {
				got[l.ID] = l.State
			}
			if diff := cmp.Diff(states, got); diff != "" {
				t.Errorf("another list (- want, + got):\n%s", diff)
			}
			for id, state := range states {
				c, err := r.Status(t.Context(), id)
				want := logmgr.Container{
					ID: id, SandboxID: "sandbox", Namespace: "ns", Pod: "pod", PodUID: "uid",
					Name: "app-" + id, Attempt: 3, LogPath: "/pods/" + id + "/0.log", State: state,
					PodLabels: map[string]string{"team": "web"}, PodAnnotations: map[string]string{"cri-logshim.io/maxSize": "1Mi"},
				}
				if err != nil || !cmp.Equal(c, want) {
					t.Errorf("status of %s is %+v, %v, want %+v", id, c, err, want)
				}
			}
			if err := r.ReopenLog(t.Context(), "running"); err != nil {
				t.Error(err)
			}
		})
	}
}

// The version that the runtime speaks is found once, and found again when
// another runtime takes its place, in either direction.
func TestVersionIsRemembered(t *testing.T) {
	fake := &fakeRuntime{}
	path := socket(t)
	r := connect(t, path)
	for _, step := range []struct {
		versions []string
		first    []string // the calls of the first list
		then     []string // and of each later one
	}{
		{[]string{oldName}, []string{newName, oldName}, []string{oldName}},
		{[]string{newName}, []string{oldName, newName}, []string{newName}},
		{[]string{oldName, newName}, []string{newName}, []string{newName}},
		{[]string{oldName}, []string{newName, oldName}, []string{oldName}},
		{[]string{oldName, newName}, []string{oldName}, []string{oldName}},
		{[]string{newName}, []string{oldName, newName}, []string{newName}},
	} {
		stop := fake.serve(t, path, step.versions...)
		// The connection comes back by itself; until then a call says Unavailable.
		for {
			_, err := r.List(t.Context())
			if err == nil {
				break
			}
			if status.Code(err) != codes.Unavailable {
				t.Fatalf("%v: %v", step.versions, err)
			}
		}
		wantCalls(t, fake, "first list of "+join(step.versions), step.first)
		for range 2 {
			if _, err := r.List(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantCalls(t, fake, "later list of "+join(step.versions), step.then)
		}
		stop()
	}
}

// A runtime that has neither has done nothing, and is asked for both again.
func TestNeitherVersion(t *testing.T) {
	fake := &fakeRuntime{}
	path := socket(t)
	fake.serve(t, path)
	r := connect(t, path)
	for range 2 {
		err := r.ReopenLog(t.Context(), "one")
		if !errors.Is(err, logmgr.ErrRefused) || status.Code(err) != codes.Unimplemented {
			t.Errorf("error %v, want a refusal", err)
		}
		if got := fake.take(); len(got) != 2 {
			t.Errorf("calls %v, want one in each version", got)
		}
	}
}

// An answer of the new version other than Unimplemented is final: what may have
// been done is not done again in the old one.
func TestNoSecondTry(t *testing.T) {
	fake := &fakeRuntime{fail: func(context.Context, string) error { return status.Error(codes.Unknown, "no") }}
	path := socket(t)
	fake.serve(t, path, newName, oldName)
	if err := connect(t, path).ReopenLog(t.Context(), "one"); err == nil {
		t.Error("the runtime's error is lost")
	}
	if diff := cmp.Diff([]string{"/runtime.v1.RuntimeService/ReopenContainerLog"}, fake.take()); diff != "" {
		t.Errorf("other calls (- want, + got):\n%s", diff)
	}
}

func wantCalls(t *testing.T, fake *fakeRuntime, what string, versions []string) {
	t.Helper()
	var want []string
	for _, v := range versions {
		want = append(want, "/"+v+".RuntimeService/ListContainers")
	}
	if diff := cmp.Diff(want, fake.take()); diff != "" {
		t.Errorf("%s makes other calls (- want, + got):\n%s", what, diff)
	}
}

func join(versions []string) string {
	if len(versions) == 2 {
		return versions[0] + " and " + versions[1]
	}
	return versions[0]
}
