package logmgr

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/cri-logshim/cri-logshim/event"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// pressureEvery is how often the node's bounds are looked at: one that is broken is to
// be kept again within two seconds.
const pressureEvery = time.Second

// pressure keeps the bounds of the node, beyond those of each container:
//
//	every second: logs' bytes, free space, free inodes ──all kept──▶ nothing to do
//	        │ a bound is broken
//	        ▼
//	look at all files, ask who reads them, remove the first of retention.Plan
//	        │ not enough
//	        ▼
//	rotate large current logs, whose files may go at the next look
//	        │ there are none
//	        ▼
//	say so, once a minute
type pressure struct {
	node    atomic.Pointer[Node]
	changed chan struct{} // holds a token when node is another
	seen    atomic.Pointer[NodeStatus]
	orders  chan *prune

	// Owned by run.
	bytes, inodes credit
	count         count
	urged         []*containerLog
	helpless      time.Time // when it was last said; zero: never
	toll          toll
	spell         spell
}

func newPressure(node Node) *pressure {
	p := &pressure{changed: make(chan struct{}, 1), orders: make(chan *prune)}
	p.node.Store(&node)
	p.seen.Store(&NodeStatus{})
	return p
}

// configure puts other bounds in force.
func (p *pressure) configure(node Node) {
	p.node.Store(&node)
	token(p.changed)
}

// run looks at the node until ctx is done; where it has no bounds, never.
func (p *pressure) run(ctx context.Context, m *Manager) error {
	timer := idleTimer()
	defer timer.Stop()
	for {
		timer.Stop()
		if *p.node.Load() == (Node{}) {
			p.forget(m)
		} else {
			timer.Reset(pressureEvery)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-p.changed:
		case order := <-p.orders:
			m.protect("prune", func() { p.carryOut(ctx, m, order) })
		case <-timer.C:
			m.protect("look at the node", func() { p.look(ctx, m) })
		}
	}
}

// forget follows when the node has no bounds any longer.
func (p *pressure) forget(m *Manager) {
	p.relax()
	p.spell.end(m.Log)
	p.count = count{}
	p.publish(m, measured{})
}

// look compares the node with its bounds and does what is needed.
func (p *pressure) look(ctx context.Context, m *Manager) {
	node := *p.node.Load()
	var logs int64
	if node.MaxBytes > 0 {
		logs = p.count.update(ctx, m)
	}
	found := p.measure(m, node, logs)
	p.spell.look(m.Log, found.shortage, time.Now())
	switch {
	case ctx.Err() != nil || !found.any():
		p.relax()
	case found.ours.any():
		found = p.relieve(ctx, m, node)
	default: // no file of ours is to blame
		p.relax()
		p.despair(m, found.shortage)
	}
	p.toll.tell(m, time.Now())
	p.publish(m, found)
}

// measured is what a look at the node has found.
type measured struct {
	logs    int64 // bytes, the runtime's own files included
	counted bool  // otherwise nobody has looked, and that is no number
	space   logfile.Space
	shortage
	ours shortage // what may be made good by removing files: not what the runtime's own take of a budget
}

// measure compares the bytes of all logs, but for the runtime's own files, and what is free
// with the bounds. Where the latter cannot be known, no floor is broken.
func (p *pressure) measure(m *Manager, node Node, logs int64) measured {
	space := p.ask(m)
	soon, now := space, time.Now()
	soon.FreeBytes = p.bytes.look(space.FreeBytes, now)
	soon.FreeInodes = p.inodes.look(space.FreeInodes, now)
	all := logs + m.elsewhere.seen.total()
	return measured{all, node.MaxBytes > 0, space, node.shortage(all, soon), node.shortage(logs, soon)}
}

func (p *pressure) ask(m *Manager) logfile.Space {
	defer m.work.begin("ask how much space is free", stuckFile)()
	space, err := m.Space()
	if err != nil {
		m.metrics.failed(stepSpace)
		m.complain("cannot find out how much space is free, so minFree and minFreeInodes are not kept", err)
		return logfile.Space{}
	}
	return space
}

// relieve removes what has to go, and returns what is missing then.
func (p *pressure) relieve(ctx context.Context, m *Manager, node Node) measured {
	all := m.inventory(ctx)
	if err := m.whoReads(ctx, all, longestAsk); err != nil {
		m.complain("cannot find out who reads the logs while the disk is full, so nobody is waited for", err)
	}
	var logs int64
	if node.MaxBytes > 0 {
		logs = sumOf(all)
	}
	found := p.measure(m, node, logs) // looking at all of it has taken some time
	gone := m.removeFor(ctx, all, found.ours)
	p.settle(m, gone)
	p.toll.add(gone, found.ours)
	found = p.measure(m, node, max(logs-gone.bytes, 0))
	if !found.ours.any() || ctx.Err() != nil {
		return found
	}
	if urged := p.urge(m, all, found.ours.need().Bytes); urged == 0 && gone == (freed{}) {
		p.despair(m, found.shortage)
	}
	return found
}

// settle notes what of that which has gone is not yet free.
func (p *pressure) settle(m *Manager, gone freed) {
	if gone == (freed{}) {
		return
	}
	space, now := p.ask(m), time.Now()
	p.bytes.give(gone.bytes, space.FreeBytes, now)
	p.inodes.give(gone.inodes, space.FreeInodes, now)
}

// despair says that a bound is broken and nothing can be done about it.
func (p *pressure) despair(m *Manager, left shortage) {
	now := time.Now()
	if !p.helpless.IsZero() && now.Sub(p.helpless) < repeatComplaint {
		return
	}
	p.helpless = now
	log := event.PressureHelpless.On(m.Log).WithField("exceeded", left.String())
	fields, blamed := m.blame(left)
	if log = log.WithFields(fields); blamed {
		log.Error("the node's bounds are broken and no log file may be removed: the runtime's own log files have their part in that, and only the runtime can bound them, as with max-size and max-file in Docker's daemon.json; or something else fills the disk")
		return
	}
	log.Error("the node's bounds are broken and no log file may be removed: something else fills the disk, or the logs are all being written")
}

// publish shows the outcome of a look.
func (p *pressure) publish(m *Manager, found measured) {
	status := newNodeStatus(found.space, *p.node.Load(), found.shortage)
	if found.counted {
		status.LogBytes = &found.logs
	}
	p.seen.Store(&status)
	for bound, broken := range found.broken() {
		value := 0.0
		if broken {
			value = 1
		}
		m.metrics.pressure.WithLabelValues(string(bound)).Set(value)
	}
}
