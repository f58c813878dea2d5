package logmgr

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/event"
)

// registry holds the containers and logs that are known. It belongs to one
// goroutine, which touches no file and no socket.
type registry struct {
	*Manager
	spawn      func(name string, f func(context.Context)) context.CancelFunc
	containers map[string]*container
	logs       map[string]*containerLog // by path below podLogsDir
	histories  map[string]*history      // by directory, or by path where that holds other logs too
	policies   map[Policy]*Policy       // those that are held, once each; most logs have the same
	asked      map[string]bool          // ids whose status was asked for and of which nothing was told since
	lists      uint32                   // how many of the runtime's lists were compared
	learned    int                      // containers that have become known since the last of them
	unclear    map[string]string        // ids whose status cannot be had, and why
	refusals   map[string]string        // ids of containers whose log cannot be managed, and why
	abroad     abroad
	away       int // logs that are elsewhere
}

// errPathTaken is wrapped by what says that another container writes to the same log.
var errPathTaken = errors.New("writes to the same log path")

// container is an entry of the registry.
type container struct {
	Container                 // without labels and annotations
	labels, annotations texts // the pod's
	gated                     // not when it is not managed
	where               whereabouts

	log         *containerLog // nil when it is not managed
	changed     time.Time     // when its state was last told; older lists are not believed
	listed      uint32        // the last of the compared lists that had it
	confirmed   bool          // its pod's labels and annotations are those that the runtime has
	foreignSeen bool          // another rotator of its log has been reported
	led         bool          // elsewhere was told of it
	outside     bool          // it is not managed since its log lies outside podLogsDir
}

// answered takes in a status, unless something has been told of the container
// since it was asked for: then it is older than that, and is asked for again.
func (r *registry) answered(c Container) {
	if known := r.containers[c.ID]; known != nil {
		r.confirm(known, c)
	} else if r.asked[c.ID] {
		r.add(c, true)
	}
}

// unanswered reports once why a container's status cannot be had. It is asked
// for again with every list.
func (r *registry) unanswered(id string, err error) {
	if r.containers[id] != nil {
		return // it is managed meanwhile
	}
	if text := err.Error(); r.unclear[id] != text {
		r.unclear[id] = text
		event.NotManaged.On(r.Log).WithField("id", id).WithError(err).Warn("cannot learn about a container, so its log is not managed; trying again")
	}
}

// add takes in a container that is not known yet. Confirmed tells facts that the runtime
// has given from those of the call that made the container.
func (r *registry) add(c Container, confirmed bool) {
	if known := r.containers[c.ID]; known != nil {
		return
	}
	entry := newContainer(c)
	entry.confirmed = confirmed
	r.containers[c.ID] = entry
	r.learned++
	if c.LogPath == "" {
		return // its output is thrown away
	}
	rel, err := PlaceIn(r.PodLogsDir, c)
	if err != nil {
		r.refuse(entry, err)
		return
	}
	entry.locate(path.Join(c.LogDirectory, c.LogPath))
	rel = partOf(entry.path, rel)
	l := r.logs[rel]
	if l == nil {
		l = newContainerLog(rel, entry, r.historyOf(rel, entry))
		l.fresh = !confirmed || r.lists > 1
		r.logs[rel] = l
		l.history.logs = append(l.history.logs, l)
		r.countLogs()
	}
	r.follow(l.history, entry)
	entry.log = l
	if r.elsewhere.runtime == nil {
		entry.where.settle(outputHere)
	}
	l.containers++
	r.abroad.placed++
	r.tellAbroad()
	r.gates.put(c.ID, &entry.gated)
	r.enter(entry, c.State)
}

func newContainer(c Container) *container {
	entry := &container{Container: c, changed: time.Now()}
	entry.labels, entry.annotations = pack(c.PodLabels), pack(c.PodAnnotations)
	entry.PodLabels, entry.PodAnnotations = nil, nil
	return entry
}

// locate puts the container's log at an absolute path. By Kubernetes' rules the
// container's names are parts of it.
func (c *container) locate(path string) {
	c.LogPath, c.LogDirectory = path, partOf(path, c.LogDirectory)
	c.gated = gated{gate: newGate(), path: path}
	for _, name := range []*string{&c.Namespace, &c.Pod, &c.PodUID, &c.Name} {
		*name = partOf(path, *name)
	}
}

// facts are all that was told of the container.
func (c *container) facts() Container {
	f := c.Container
	f.PodLabels, f.PodAnnotations = c.labels.unpack(), c.annotations.unpack()
	return f
}

func (r *registry) started(id string, failed bool) {
	c := r.containers[id]
	if c == nil {
		r.Reconcile() // made behind our back, or before we began
		return
	}
	r.lead(c, true)
	if failed {
		r.Reconcile() // the runtime knows what has become of it
		return
	}
	r.setState(id, StateRunning)
}

func (r *registry) setState(id string, s State) {
	c := r.containers[id]
	if c == nil {
		delete(r.asked, id)
		return
	}
	c.changed = time.Now()
	if c.State != s {
		r.enter(c, s)
	}
}

// enter brings a container's log into the shape that belongs to its state.
func (r *registry) enter(c *container, s State) {
	c.State = s
	l := c.log
	if l == nil {
		return
	}
	switch s {
	case StateRunning:
		if l.live != nil && l.live != c {
			r.Refused(c.Container, fmt.Errorf("container %s %w %q", l.live.ID, errPathTaken, c.LogPath))
			return
		}
		l.live = c
		r.lead(c, false)
		r.wake(l)
		r.review(l.history)
		r.linkLater(c)
	case StateExited:
		if l.live == c {
			r.leave(l)
		}
		r.lead(c, false)
		if l.live == nil && !l.awake {
			r.settle(l)
		}
	case StateCreated, StateUnknown:
	}
}

// leave takes the running container off its log. If another one was refused
// because of it, that one follows.
func (r *registry) leave(l *containerLog) {
	l.live = nil
	if l.awake {
		l.cancel() // slept goes on
	}
	for _, c := range r.containers {
		if c.log == l && c.State == StateRunning {
			r.enter(c, StateRunning)
			return
		}
	}
}

// wake begins to tend a log, or lets whoever tends it look at once.
func (r *registry) wake(l *containerLog) {
	if l.live == nil {
		return
	}
	if l.awake {
		l.again = true
		select {
		case l.nudge <- struct{}{}:
		default:
		}
		return
	}
	if l.elsewhere {
		return // the path is a link to a file that is the runtime's own
	}
	if p := l.policy.Load(); !p.rotates() && !p.keeps() && !r.Files.set() {
		return // there is nothing to do about it
	}
	l.awake = true
	r.metrics.awake.Inc()
	l.history.touched.Store(true)
	t := tender{m: r.Manager, l: l, id: l.live.ID, gate: l.live.gate, where: &l.live.where}
	l.cancel = r.spawn("tend "+l.path, func(ctx context.Context) {
		panicked := true
		defer func() { r.mail.post(func(r *registry) { r.slept(l, panicked) }) }()
		t.tend(ctx)
		panicked = false
	})
}

// slept follows when nobody tends a log any longer.
func (r *registry) slept(l *containerLog, panicked bool) {
	l.awake, l.cancel = false, nil
	if l.containers == 0 || l.live == nil || l.elsewhere || panicked {
		l.answer(Rotation{}, errors.New("the log is not written any more, or cannot be looked at"))
	}
	r.metrics.awake.Dec()
	again := l.again
	l.again = false
	switch {
	case l.containers == 0:
		r.drop(l)
	case l.live == nil, l.elsewhere:
		r.settle(l)
	case panicked: // not armed, so nothing would wake it
		r.after(longestLook, func(r *registry) { r.wake(l) })
	case again:
		r.wake(l)
	}
}

// settle heals the log of an exited container once nobody tends it. One that is elsewhere
// is let go of, and so is, until that is known, one that may be.
func (r *registry) settle(l *containerLog) {
	l.awake = true
	t := tender{m: r.Manager, l: l}
	do := t.settle
	if owner := l.owner.Load(); l.elsewhere || owner != nil && !owner.await() {
		do = t.letGo
	}
	l.cancel = r.spawn("settle "+l.path, func(ctx context.Context) {
		defer r.mail.post(func(r *registry) { r.settled(l) })
		do(ctx)
	})
}

func (r *registry) settled(l *containerLog) {
	again := l.again
	l.awake, l.cancel, l.again = false, nil, false
	switch {
	case l.containers == 0:
		r.drop(l)
		return
	case again && l.live == nil:
		r.settle(l) // its output has turned out to be at its path meanwhile
		return
	}
	r.review(l.history) // only now: the newest file may have been put back
	r.wake(l)
}

func (r *registry) remove(id string) {
	delete(r.asked, id) // an answer that is still to come is about what was
	c := r.containers[id]
	if c == nil {
		return
	}
	delete(r.containers, id)
	r.gates.drop(id)
	r.depart(c)
	l := c.log
	if l == nil {
		return
	}
	r.unlink(c)
	r.elsewhere.forget(c)
	l.containers--
	if l.containers > 0 {
		if l.live == c {
			r.leave(l)
		}
		r.own(l)
		return
	}
	l.live = nil
	r.forget(l)
	if l.awake {
		l.cancel()
		return // slept or settled drops it
	}
	r.drop(l)
}

// drop lets go of a log that is tended by nobody and known to no container.
func (r *registry) drop(l *containerLog) {
	l.stopTimers()
	r.spawn("drop "+l.path, func(context.Context) {
		l.disarm(r.Manager)
		if err := l.closeDir(); err != nil {
			l.log().WithError(err).Warn("cannot close the log's directory")
		}
	})
}

func (r *registry) removeSandbox(sandbox string) {
	clear(r.asked)
	for id, c := range r.containers {
		if c.SandboxID == sandbox {
			r.remove(id)
		}
	}
}

func (r *registry) reopenedByOther(id string, err error) {
	r.metrics.foreignReopens.Inc()
	c := r.containers[id]
	if c == nil || c.log == nil {
		return
	}
	if !c.log.elsewhere { // else nobody wants it reopened but who does not know that
		r.inability.learn(r.Manager, err)
	}
	if !c.foreignSeen {
		c.foreignSeen = true
		log := c.log.log()
		if err != nil {
			log = log.WithError(err)
		}
		event.OtherRotator.On(log).Warn("somebody else rotates this log too, probably kubelet: set containerLogMaxSize: 1P in its configuration, and from kubelet 1.30 on containerLogMonitorInterval: 1h")
	}
	r.wake(c.log)
}

// renew makes everything that is done to new files be done to those that are there.
func (r *registry) renew() {
	files := r.Files
	r.files.Store(&files)
}

// configure puts new settings in force.
func (r *registry) configure(s Settings) {
	r.Settings = s
	r.pressure.configure(s.Node)
	r.renew()
	clear(r.policies)
	for _, h := range r.histories {
		r.hold(h)
	}
	for _, l := range r.logs {
		r.wake(l)
	}
	for _, h := range r.histories {
		r.review(h)
	}
}

// close lets go of every descriptor when nobody tends a log any more.
func (r *registry) close() error {
	var errs []error
	for _, l := range r.logs {
		l.stopTimers()
		l.disarm(r.Manager)
		errs = append(errs, l.closeDir())
	}
	for _, h := range r.histories {
		h.removal.end()
		h.compression.end()
	}
	return errors.Join(append(errs, r.keeper.close(), r.root.Close())...)
}

func (m *Manager) logFor(c Container) logrus.FieldLogger { return logFor(m.Log, &c) }

func logFor(log logrus.FieldLogger, c *Container) logrus.FieldLogger {
	return log.WithFields(logrus.Fields{
		"namespace": c.Namespace, "pod": c.Pod, "container": c.Name, "attempt": c.Attempt, "id": c.ID,
	})
}
