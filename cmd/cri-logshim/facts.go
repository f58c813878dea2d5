package main

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/connectivity"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/logmgr"
)

// facts tell the admin API what the daemon knows.
type facts struct {
	daemon  *daemon
	started time.Time
	calls   atomic.Bool // one has come here

	mu   sync.Mutex
	name string // of the runtime; empty: not asked since the connection was made anew
	// version is the runtime's.
	version string
	away    time.Time // since when it has not answered; zero: it does
}

// versionTime is how long the runtime has to say who it is.
const versionTime = time.Second

// called tells that a CRI call has come here.
func (f *facts) called() {
	if !f.calls.Load() { // which calls at the same time do not wait for each other to write
		f.calls.Store(true)
	}
}

// Node is the daemon and the node as a whole.
func (f *facts) Node(ctx context.Context) (api.Node, error) {
	d := f.daemon
	view, err := d.logs.View(ctx)
	if err != nil {
		return api.Node{}, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "" // a page without a name is better than none
	}
	status := d.logs.Status()
	n := api.Node{
		Time: time.Now(), Host: host, Version: readBuildInfo().Version, Mode: string(d.config.Mode), PID: os.Getpid(), Started: f.started,
		Runtime: f.runtime(ctx),
		Kubelet: api.Kubelet{Calls: f.calls.Load() && d.config.Mode == config.ModeProxy},
		Active:  view.Active, Rotations: view.Rotations,
		Disk:    diskOf(view.Disk, status.Node),
		Readers: []api.Reader{},
		Reasons: append([]string{}, d.trouble(ctx)...), Errors: d.events.Errors(),
	}
	if seen := d.events.Rotators(); !seen.IsZero() {
		n.Kubelet.Rotates, n.Kubelet.RotatesSeen = true, &seen
	}
	for _, l := range view.Logs {
		n.BytesPerSecond += l.BytesPerSecond
		switch {
		case l.Elsewhere:
			n.Elsewhere++
		case l.NotManaged == "":
			n.Logs++
		}
	}
	for _, r := range status.Readers {
		n.Readers = append(n.Readers, api.Reader{Name: r.Name, LagBytes: r.LagBytes, Containers: r.Containers, ContainersBehind: r.Behind})
	}
	return n, nil
}

// Logs are all logs that are known.
func (f *facts) Logs(ctx context.Context) (api.LogList, error) {
	view, err := f.daemon.logs.View(ctx)
	if err != nil {
		return api.LogList{}, err
	}
	list := api.LogList{Time: time.Now(), Logs: make([]api.Log, 0, len(view.Logs))}
	for _, l := range view.Logs {
		list.Logs = append(list.Logs, logOf(l))
	}
	return list, nil
}

// runtime is the runtime, which is asked for its name once for each connection.
func (f *facts) runtime(ctx context.Context) api.Runtime {
	state := f.daemon.proxy.RuntimeState()
	r := api.Runtime{Endpoint: f.daemon.config.RuntimeEndpoint, State: stateOf(state)}
	if state != connectivity.Ready {
		f.remember("", "") // another may come in its place
		r.AwaySince = unlessZero(f.awaySince())
		return r
	}
	r.Name, r.Version = f.known()
	if r.Name != "" {
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, versionTime)
	defer cancel()
	name, version, err := f.daemon.runtime.Version(ctx)
	if err != nil {
		return r // it is asked again, and what keeps it from answering is told elsewhere
	}
	f.remember(name, version)
	r.Name, r.Version = name, version
	return r
}

// known is what the runtime has said of itself; empty: nothing yet.
func (f *facts) known() (name, version string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.name, f.version
}

// remember what the runtime has said of itself.
func (f *facts) remember(name, version string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.name, f.version = name, version
}

// saw takes note of the state of the connection to the runtime, now that it has changed.
func (f *facts) saw(state connectivity.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case state == connectivity.Ready:
		f.away = time.Time{}
	case f.away.IsZero():
		f.away = time.Now()
	}
}

// awaySince is since when the runtime has not answered; zero: it does, or that is not known.
func (f *facts) awaySince() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.away
}

func stateOf(s connectivity.State) string {
	switch s {
	case connectivity.Idle:
		return "idle"
	case connectivity.Connecting:
		return "connecting"
	case connectivity.Ready:
		return api.StateReady
	case connectivity.TransientFailure:
		return "transient failure"
	default:
		return "shutdown"
	}
}

func diskOf(view logmgr.DiskView, node logmgr.NodeStatus) api.Disk {
	d := api.Disk{
		LogBytes: view.Logs, KeptBytes: view.Kept, MaxBytes: node.MaxBytes, FreeBytes: node.FreeBytes, MinFreeBytes: node.MinFreeBytes,
		FreeInodes: node.FreeInodes, MinFreeInodes: node.MinFreeInodes, Pressure: node.Broken,
	}
	if d.LogBytes == nil {
		d.LogBytes = node.LogBytes
	}
	return d
}

func logOf(l logmgr.LogView) api.Log {
	ratio := 0.0
	if l.PackedTo > 0 {
		ratio = float64(l.PackedFrom) / float64(l.PackedTo)
	}
	return api.Log{
		ID: l.ID, Namespace: l.Namespace, Pod: l.Pod, PodUID: l.PodUID, Container: l.Name, Attempt: l.Attempt, State: containerState(l.State),
		Path: l.Path, Elsewhere: l.Elsewhere, Managed: l.NotManaged == "", NotManaged: l.NotManaged,
		CurrentBytes: l.CurrentBytes, DiskBytes: l.DiskBytes, Files: l.Files,
		BytesPerSecond: l.BytesPerSecond, BytesWritten: l.BytesWritten, Rotations: l.Rotations,
		LastRotation: unlessZero(l.LastRotation), LastWrite: unlessZero(l.LastWrite),
		Overshoot: l.Overshoot, CompressionRatio: ratio, LastError: l.LastError,
		Policy: api.Policy{
			MaxSize: max(0, l.Policy.MaxSize), MaxFiles: l.Policy.MaxFiles, MaxTotalSize: l.Policy.MaxTotalSize, MaxAge: l.Policy.MaxAge.Seconds(),
			Compression: string(l.Policy.Compression), KeepAfterRemoval: l.Policy.KeepAfterRemoval.Seconds(),
		},
	}
}

func containerState(s logmgr.State) string {
	switch s {
	case logmgr.StateCreated:
		return "created"
	case logmgr.StateRunning:
		return "running"
	case logmgr.StateExited:
		return "exited"
	default:
		return "unknown"
	}
}

func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
