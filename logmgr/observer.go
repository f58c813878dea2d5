package logmgr

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cri-logshim/cri-logshim/event"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

const (
	// observeEvery is how often the size of every running container's log is looked at.
	observeEvery = time.Second
	// forecastEvery is how often its rotated files are, and what is found is told.
	forecastEvery = 15 * time.Second
)

// Observer looks at the same logs as a Manager with the same options, and tells what that
// would do to them. It changes nothing: no file, no directory, and nothing in the runtime.
// Its methods may be called from any goroutine.
type Observer struct {
	Options
	again   chan struct{} // holds a token when the runtime is to be asked at once
	metrics *forecastMetrics
	sights  *sights
	books   books

	mu      sync.Mutex           // Settings and all below
	logs    map[string]*observed // of running containers, by id
	refused map[string]bool      // ids of containers that have ended, or whose log would not be managed
	node    NodeStatus
	unknown string // why not all of the runtime's containers are known; empty: they are
	unseen  string // why podLogsDir cannot be looked at; empty: it can
}

// NewObserver makes an Observer. The options that are about changing something have no
// effect.
func NewObserver(o Options) (*Observer, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ReconcileEvery == 0 {
		o.ReconcileEvery = 5 * time.Second
	}
	metrics, err := newForecastMetrics(o.Metrics)
	if err != nil {
		return nil, err
	}
	books := newBooks(o)
	sights, err := newSights(o.Metrics, books)
	if err != nil {
		return nil, err
	}
	return &Observer{
		Options: o, again: make(chan struct{}, 1), metrics: metrics, books: books,
		logs: map[string]*observed{}, refused: map[string]bool{}, sights: sights,
	}, nil
}

// Run observes until ctx is done.
func (o *Observer) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return every(ctx, o.ReconcileEvery, o.again, o.learn) })
	group.Go(func() error { return every(ctx, observeEvery, nil, func(context.Context) { o.look() }) })
	group.Go(func() error { return every(ctx, forecastEvery, nil, func(context.Context) { o.forecast() }) })
	group.Go(func() error {
		return every(ctx, outletEvery, o.sights.fresh, func(context.Context) { o.lookElsewhere() })
	})
	err := group.Wait()
	o.summarize()
	return err
}

// every does something at once, then in every period and when it is asked for.
func every(ctx context.Context, period time.Duration, asked <-chan struct{}, do func(context.Context)) error {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		do(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-asked:
		}
	}
}

// Configure puts new settings in force.
func (o *Observer) Configure(s Settings) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Settings = s
	for _, l := range o.logs {
		l.policy = s.PolicyOf(l.of)
	}
}

// Reconcile asks the runtime for its containers at once.
func (o *Observer) Reconcile() { token(o.again) }

// Reconnected is Reconcile, for what may have changed while the runtime was away.
func (o *Observer) Reconnected() { o.Reconcile() }

// Started is part of criruntime.Listener.
func (o *Observer) Started(string, bool) { o.Reconcile() }

// Stopped is part of criruntime.Listener.
func (o *Observer) Stopped(string) { o.Reconcile() }

// Removed is part of criruntime.Listener.
func (o *Observer) Removed(string) { o.Reconcile() }

// Beat is part of what is asked of a Manager; an Observer has nothing that could hang and
// matter.
func (o *Observer) Beat(context.Context) error { return nil }

// Trouble returns the reasons why not all logs are observed.
func (o *Observer) Trouble() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.DeleteFunc([]string{o.unknown, o.unseen}, func(reason string) bool { return reason == "" })
}

// note takes in whether something works, and tells when it begins not to.
func (o *Observer) note(fault *string, what string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	told := *fault != ""
	*fault = ""
	if err == nil {
		return
	}
	*fault = what + ": " + err.Error()
	if !told {
		o.Log.WithError(err).Warn(what + "; trying again")
	}
}

// Status returns what is known now.
func (o *Observer) Status() Status {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := Status{Logs: int64(len(o.logs)), Readers: []ReaderStatus{}, Node: o.node, Elsewhere: o.sights.seen.all()}
	for _, l := range o.logs {
		s.Observed = append(s.Observed, l.status())
	}
	sortObserved(s.Observed)
	return s
}

// learn compares the logs that are known with the runtime's list.
func (o *Observer) learn(ctx context.Context) {
	unknown, err := o.compare(ctx)
	errs := make([]error, len(unknown))
	var group errgroup.Group
	group.SetLimit(asksAtOnce)
	for i, id := range unknown {
		group.Go(func() error {
			errs[i] = o.meet(ctx, id)
			return nil
		})
	}
	err = errors.Join(err, group.Wait(), errors.Join(errs...))
	if ctx.Err() != nil {
		return
	}
	o.note(&o.unknown, "cannot learn about all containers", err)
}

// meet asks about one container that is not known, and takes it in; of one that is known it
// asks again where its output is.
func (o *Observer) meet(ctx context.Context, id string) error {
	if o.sights.has(id) {
		o.lookUp(ctx, id)
		return nil
	}
	c, err := o.status(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	return o.take(ctx, c)
}

// compare drops what is to be looked at no longer, and returns the ids of what is to be asked
// about.
func (o *Observer) compare(ctx context.Context) (unknown []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	listed, err := o.Runtime.List(ctx)
	if err != nil {
		return nil, err
	}
	states := map[string]State{}
	for _, c := range listed {
		states[c.ID] = c.State
	}
	return append(o.unknownOf(states), o.sights.compare(states, time.Now())...), nil
}

// unknownOf drops what the runtime runs no longer, and returns what is not known of the rest.
func (o *Observer) unknownOf(states map[string]State) (unknown []string) {
	_, redirects := o.Runtime.(Redirector) // then files of those that have ended may count
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, state := range states {
		switch {
		case state == StateExited && o.logs[id] != nil:
			o.refused[id] = true
		case o.logs[id] != nil || o.refused[id]:
		case state == StateRunning, state == StateExited && redirects:
			unknown = append(unknown, id)
		}
	}
	maps.DeleteFunc(o.logs, func(id string, l *observed) bool {
		gone := states[id] != StateRunning
		if gone {
			o.books.leave(l.meter.sums)
		}
		return gone
	})
	maps.DeleteFunc(o.refused, func(id string, _ bool) bool { _, is := states[id]; return !is })
	return unknown
}

func (o *Observer) status(ctx context.Context, id string) (Container, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return o.Runtime.Status(ctx, id)
}

// take takes in a container, by where its output is.
func (o *Observer) take(ctx context.Context, c Container) error {
	rel, err := PlaceIn(o.PodLogsDir, c)
	if c.LogPath == "" || err != nil {
		o.refuse(c, err)
		return nil
	}
	if redirector, is := o.Runtime.(Redirector); is {
		to, err := redirection(ctx, redirector, c.ID)
		if errors.Is(err, ErrNotFound) {
			return nil // it goes just now
		}
		if err != nil {
			return fmt.Errorf("ask where the output of container %s is: %w", c.ID, err)
		}
		if to.Elsewhere {
			o.seeElsewhere(c, to)
			return nil
		}
	}
	if c.State == StateExited {
		o.refuse(c, nil)
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.logs[c.ID] = &observed{
		of: c, path: path.Join(c.LogDirectory, c.LogPath), rel: rel, policy: o.PolicyOf(c), meter: meter{sums: o.books.enter(&c)},
	}
	return nil
}

// refuse leaves a container out, for a reason if there is any to be told.
func (o *Observer) refuse(c Container, reason error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refused[c.ID] = true
	if reason != nil && c.State != StateExited {
		event.NotManaged.On(logFor(o.Log, &c)).WithError(reason).Warn("this container's log would not be managed")
	}
}

// all are the logs that are known now, which only the caller changes then.
func (o *Observer) all() []*observed {
	o.mu.Lock()
	defer o.mu.Unlock()
	logs := make([]*observed, 0, len(o.logs))
	for _, l := range o.logs {
		logs = append(logs, l)
	}
	return logs
}

// look takes in how far every log has grown.
func (o *Observer) look() {
	now := time.Now()
	for _, l := range o.all() {
		info, err := statLog(l.path)
		if err != nil {
			continue // in the middle of a rotation by somebody else; the next look tells
		}
		o.mu.Lock()
		if made := l.grow(info, now); made > 0 {
			o.metrics.rotations.Add(float64(made))
		}
		if l.policy.rotates() && l.largest > l.policy.MaxSize && !l.told {
			l.told = true
			logFor(o.Log, &l.of).WithField("size", l.largest).WithField("maxSize", l.policy.MaxSize).
				Info("this log has passed its limit: it would have been rotated")
		}
		o.mu.Unlock()
	}
}

// forecast takes in what a Manager would remove and compress, and tells of it.
func (o *Observer) forecast() {
	err := o.lookThrough()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // there has been no pod yet
	}
	o.note(&o.unseen, "cannot look at podLogsDir", err)
}

func (o *Observer) lookThrough() error {
	root, err := logfile.OpenRoot(o.PodLogsDir)
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.node = NodeStatus{}
		return err
	}
	defer func() { _ = root.Close() }() // it was only read
	for _, l := range o.all() {
		o.mu.Lock()
		policy := l.policy
		o.mu.Unlock()
		found, err := l.lookThrough(root, policy, o.Now())
		if err != nil {
			continue // it goes just now, or the next look tells
		}
		o.mu.Lock()
		l.found, l.lookedThrough = found, true
		o.mu.Unlock()
	}
	space, err := root.Space()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.node = newNodeStatus(space, o.Node, o.Node.shortage(inAll(o.logs).disk+o.sights.seen.total(), space))
	o.metrics.set(o.logs)
	return err
}
