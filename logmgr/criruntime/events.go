package criruntime

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Listener is told what becomes of containers. logmgr.Manager is one. Ids of sandboxes are
// among those that it is told.
type Listener interface {
	Started(id string, failed bool)
	Stopped(id string)
	Removed(id string)
	// Reconcile asks the runtime for what has not been told.
	Reconcile()
}

// lookPause is how often a runtime that tells nothing is asked for its containers, and
// whether it has come to tell.
const lookPause = time.Second

// Follow tells l of every container event of the runtime until ctx is done. While there
// are none to be had, the runtime is asked for its containers every second instead, and
// log says so once.
func (r *Runtime) Follow(ctx context.Context, l Listener, log logrus.FieldLogger) error {
	told := false
	for {
		err := r.events(ctx, l, func() { told = false })
		if ctx.Err() != nil {
			return nil //nolint:nilerr // asked to end
		}
		if !told {
			told = true
			log.WithError(err).Info("no events from the runtime: it is asked for its containers every second")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookPause):
			l.Reconcile()
		}
	}
}

// errShared says that following a runtime's events would take them from another client.
var errShared = errors.New("before version 2, containerd gives each event to one client only, and kubelet may need it")

// events passes on one stream until that ends. Heard is called when the first event has
// come.
func (r *Runtime) events(ctx context.Context, l Listener, heard func()) error {
	var version cri.VersionResponse
	if err := r.call(ctx, "Version", &cri.VersionRequest{}, &version); err != nil {
		return err
	}
	if sharesEvents(&version) {
		return errShared
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // of the stream, however it ends
	stream, err := r.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, v1+"GetContainerEvents")
	if err == nil {
		err = errors.Join(stream.SendMsg(&cri.GetEventsRequest{}), stream.CloseSend())
	}
	if err != nil {
		return fmt.Errorf("GetContainerEvents: %w", err)
	}
	l.Reconcile() // what has happened while nobody listened
	for {
		var event cri.ContainerEventResponse
		if err := stream.RecvMsg(&event); err != nil {
			return fmt.Errorf("GetContainerEvents: %w", err)
		}
		heard()
		tell(l, &event)
	}
}

// sharesEvents tells whether the clients of a runtime share one stream of events: in
// containerd 1.7 they take them from one queue, and before there are none.
func sharesEvents(v *cri.VersionResponse) bool {
	return v.GetRuntimeName() == "containerd" && strings.HasPrefix(strings.TrimPrefix(v.GetRuntimeVersion(), "v"), "1.")
}

func tell(l Listener, event *cri.ContainerEventResponse) {
	id := event.GetContainerId()
	switch event.GetContainerEventType() {
	case cri.ContainerEventType_CONTAINER_CREATED_EVENT:
		l.Reconcile() // so that it is known when it starts
	case cri.ContainerEventType_CONTAINER_STARTED_EVENT:
		l.Started(id, false)
	case cri.ContainerEventType_CONTAINER_STOPPED_EVENT:
		l.Stopped(id)
	case cri.ContainerEventType_CONTAINER_DELETED_EVENT:
		l.Removed(id)
	}
}
