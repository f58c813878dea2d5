package criruntime

import (
	"context"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// listener hands on what it is told.
type listener chan string

func (l listener) Started(id string, failed bool) {
	l <- fmt.Sprintf("started %s, failed: %t", id, failed)
}
func (l listener) Stopped(id string) { l <- "stopped " + id }
func (l listener) Removed(id string) { l <- "removed " + id }
func (l listener) Reconcile()        { l <- "reconcile" }

func (l listener) hear(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-l:
		if got != want {
			t.Fatalf("told %q, want %q", got, want)
		}
	case <-time.After(time.Minute):
		t.Fatalf("told nothing, want %q", want)
	}
}

// following follows the events of a fake until the test ends.
func following(t *testing.T, fake *fakeRuntime) listener {
	t.Helper()
	path := socket(t)
	fake.serve(t, path, newName)
	r, told := connect(t, path), make(listener)
	log := logrus.New()
	log.SetOutput(io.Discard)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Follow(ctx, told, log) }()
	t.Cleanup(func() {
		cancel()
		for {
			select {
			case <-told: // whatever it was about to tell
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
				return
			}
		}
	})
	return told
}

func modern() *cri.VersionResponse {
	return &cri.VersionResponse{RuntimeName: "containerd", RuntimeVersion: "v2.4.2"}
}

func TestFollowTellsEvents(t *testing.T) {
	fake := &fakeRuntime{version: modern(), events: make(chan *cri.ContainerEventResponse)}
	told := following(t, fake)
	told.hear(t, "reconcile")
	for _, one := range []struct {
		kind cri.ContainerEventType
		want string
	}{
		{cri.ContainerEventType_CONTAINER_CREATED_EVENT, "reconcile"},
		{cri.ContainerEventType_CONTAINER_STARTED_EVENT, "started c, failed: false"},
		{cri.ContainerEventType_CONTAINER_STOPPED_EVENT, "stopped c"},
		{cri.ContainerEventType_CONTAINER_DELETED_EVENT, "removed c"},
	} {
		fake.events <- &cri.ContainerEventResponse{ContainerId: "c", ContainerEventType: one.kind}
		told.hear(t, one.want)
	}
}

// What happens while a stream is away is asked for, and the next stream is followed.
func TestFollowOutlivesAStream(t *testing.T) {
	fake := &fakeRuntime{version: modern(), events: make(chan *cri.ContainerEventResponse)}
	told := following(t, fake)
	for range 2 {
		told.hear(t, "reconcile") // it listens from now on
		fake.events <- &cri.ContainerEventResponse{ContainerId: "c", ContainerEventType: cri.ContainerEventType_CONTAINER_STOPPED_EVENT}
		told.hear(t, "stopped c")
		fake.events <- nil
		told.hear(t, "reconcile") // it does not
	}
}

// A runtime without events is asked for its containers again and again.
func TestFollowWithoutEvents(t *testing.T) {
	told := following(t, &fakeRuntime{version: modern()})
	for range 4 { // two attempts: each asks when it begins to listen, and when it has to wait
		told.hear(t, "reconcile")
	}
}

// A client of containerd 1.7 that follows its events takes them from kubelet.
func TestFollowTakesNoSharedEvents(t *testing.T) {
	fake := &fakeRuntime{
		version: &cri.VersionResponse{RuntimeName: "containerd", RuntimeVersion: "v1.7.27"},
		events:  make(chan *cri.ContainerEventResponse),
	}
	told := following(t, fake)
	told.hear(t, "reconcile")
	told.hear(t, "reconcile")
	if calls := fake.take(); slices.Contains(calls, v1+"GetContainerEvents") {
		t.Errorf("calls %q, want no GetContainerEvents", calls)
	}
}
