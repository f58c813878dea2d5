package main

import (
	"context"
	"path"
	"sync"

	"google.golang.org/grpc"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/interceptors"
	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/criruntime"
)

// logKeeper is what a mode does about logs.
type logKeeper interface {
	criruntime.Listener
	Run(ctx context.Context) error
	Configure(s logmgr.Settings)
	// Reconnected tells that the connection to the runtime was made anew.
	Reconnected()
	Beat(ctx context.Context) error
	Trouble() []string
	Status() logmgr.Status
	Rotate(ctx context.Context, id string) (logmgr.Rotation, error)
	Prune(ctx context.Context, o logmgr.PruneOrder) ([]logmgr.PrunedFile, error)
	// View is what is known of each log.
	View(ctx context.Context) (logmgr.View, error)
	// Sums is what all logs come to by who has written them.
	Sums(ctx context.Context) (logmgr.Sums, error)
}

// keepLogs makes what the mode asks for, and the interceptor that stands in the way of
// calls.
func (d *daemon) keepLogs(o logmgr.Options) (grpc.StreamServerInterceptor, error) {
	if d.config.Mode == config.ModeObserve {
		observer, err := logmgr.NewObserver(o)
		d.logs = observer
		return d.bystander(), err
	}
	manager, err := logmgr.New(o)
	d.logs = manager
	if err != nil {
		return nil, err
	}
	if d.config.Mode == config.ModeManage {
		return d.bystander(), nil
	}
	return interceptors.New(manager, d.log, d.registry)
}

// bystander is the interceptor of the modes that are not in the way of kubelet's calls.
// Calls that come nevertheless are forwarded as they are: a kubelet that still points here
// must not lose its runtime.
func (d *daemon) bystander() grpc.StreamServerInterceptor {
	var once sync.Once
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		once.Do(func() {
			d.log.WithField("mode", d.config.Mode).WithField("method", path.Base(info.FullMethod)).
				Warn("a CRI call has come here: it is forwarded as it is, like all in this mode; point kubelet at the runtime, or set mode: proxy")
		})
		return handler(srv, ss)
	}
}

// followEvents lets the log manager know of containers where no call of kubelet's tells of
// them.
func (d *daemon) followEvents(ctx context.Context) error {
	if d.config.Mode == config.ModeProxy {
		return nil
	}
	return d.runtime.Follow(ctx, d.logs, d.log)
}
