package logmgr

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// outletEvery is how often a log that is elsewhere is looked at.
	outletEvery = 10 * time.Second
	// outletRefresh is how often the runtime is asked anew where it is: somebody may have
	// moved all of the runtime's files.
	outletRefresh = 10 * time.Minute
)

// elsewhere finds out which containers' output the runtime keeps in files of its own, and
// looks after those: it leads their log paths there and tells how large they are. Nothing
// is ever done to the files. All of it is one goroutine's; only questions to the runtime,
// which may take long, have goroutines of their own. A runtime that writes at the log path
// says so once for each container, and costs nothing after that.
type elsewhere struct {
	runtime Redirector // nil: all output is at its log path
	mail    *mailbox[func()]

	// Owned by run.
	m            *Manager
	outlets      map[string]*outlet // by container, unless its output is known to be at its log path
	fresh, again []*outlet          // to be asked for: for the first time, and once more
	asking       int                // questions under way
	failed       failedAsks
	recoveredAt  time.Time // when the last answer came
	provisional  bool      // one has been since the runtime has named a file itself
	probedAt     time.Time // when one was last asked for to find out whether it does again
	began        time.Time // rounds of looks are reckoned from then
	next         time.Time // when an outlet is to be looked at; zero: never
	timer        *time.Timer
	said         notices

	seen seen
}

func newElsewhere(runtime Runtime) *elsewhere {
	redirector, _ := runtime.(Redirector)
	return &elsewhere{
		runtime: redirector, mail: newMailbox[func()](), outlets: map[string]*outlet{}, began: time.Now(),
		failed: failedAsks{outlets: map[string]*outlet{}}, said: notices{drivers: map[string]bool{}},
	}
}

// follow has it found out where a container's output is, and takes in what has become of
// the container. Told says that its start has returned: until then the runtime may be
// about to make the link itself, and would fail if it found one.
func (e *elsewhere) follow(c *container, told bool) {
	if e.runtime == nil || c.log == nil || c.where.here() {
		return
	}
	id, log, where, running, facts := c.ID, c.log, &c.where, c.State == StateRunning, c.Container
	e.mail.post(func() {
		if where.here() {
			return // the answer has come in between
		}
		o := e.outlets[id]
		if o == nil {
			now := time.Now()
			o = &outlet{
				ownFile: ownFile{of: &facts, path: log.path, policy: log.policy, since: now},
				id:      id, log: log, where: where, linkFrom: now.Add(e.m.LinkGrace),
			}
			e.outlets[id] = o
			e.wantAsk(o, &e.fresh)
		}
		o.running, o.due = running, time.Time{}
		if told {
			o.linkFrom, o.told = time.Now(), true
			if o.known() && o.to.Path == "" { // the start may have made the file
				e.wantAsk(o, &e.again)
			}
		}
		e.visit(o)
	})
}

// forget lets go of a container that is gone, and of a link to what it has left.
func (e *elsewhere) forget(c *container) {
	if e.runtime == nil || c.log == nil || c.where.here() {
		return
	}
	id, log := c.ID, c.log
	e.mail.post(func() {
		delete(e.outlets, id)
		e.failed.drop(e.m, id)
		e.seen.drop(&e.m.metrics.elsewhereMetrics, id)
		e.unlink(log)
	})
}

// askAnew asks for everything once more, as after the runtime was away.
func (e *elsewhere) askAnew() {
	if e.runtime == nil {
		return
	}
	e.mail.post(func() {
		for _, o := range e.outlets {
			o.retry = backoff{}
			e.wantAsk(o, &e.again)
		}
	})
}

// run does what is asked for, and looks at what is elsewhere, until ctx is done.
func (e *elsewhere) run(ctx context.Context, m *Manager) error {
	if e.runtime == nil {
		return nil
	}
	e.m, e.timer = m, idleTimer()
	defer e.timer.Stop()
	var asks sync.WaitGroup
	defer asks.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-e.mail.ready:
			for _, f := range e.mail.take() {
				m.protect("look after a log that is elsewhere", f)
			}
		case <-e.timer.C:
			e.next = time.Time{}
			for _, o := range e.outlets {
				m.protect("look at a log that is elsewhere", func() { e.visit(o) })
			}
			m.protect("tell of logs that are elsewhere", func() {
				now := time.Now()
				e.noticeUnbounded()
				e.tellUnanswered(now)
				e.probeLikely(now)
			})
		}
		e.ask(ctx, &asks)
	}
}

// plan has all outlets visited at a time.
func (e *elsewhere) plan(at time.Time) {
	if e.next.IsZero() || at.Before(e.next) {
		e.next = at
		e.timer.Reset(max(time.Until(at), time.Millisecond))
	}
}

// nextRound is when all outlets are looked at together.
func (e *elsewhere) nextRound(now time.Time) time.Time {
	return now.Add(outletEvery - now.Sub(e.began)%outletEvery)
}

// wantAsk puts an outlet into a queue, unless it is in one already.
func (e *elsewhere) wantAsk(o *outlet, queue *[]*outlet) {
	if !o.wanted {
		o.wanted = true
		*queue = append(*queue, o)
	}
}

// ask begins as many questions as may be under way, those for new containers first.
func (e *elsewhere) ask(ctx context.Context, asks *sync.WaitGroup) {
	for e.asking < asksAtOnce {
		o := pop(&e.fresh)
		if o == nil {
			o = pop(&e.again)
		}
		if o == nil {
			return
		}
		if e.outlets[o.id] != o {
			continue // it has gone meanwhile
		}
		e.asking++
		begun := time.Now()
		asks.Go(func() {
			to, err := Redirection{}, errors.New("a panic") // unless it is told otherwise
			defer func() { e.mail.post(func() { e.answered(ctx, o, begun, to, err) }) }()
			e.m.protect("ask where the output of container "+o.id+" is", func() { to, err = e.redirection(ctx, o.id) })
		})
	}
}

func pop(queue *[]*outlet) *outlet {
	if len(*queue) == 0 {
		*queue = nil // its room is not needed for long
		return nil
	}
	o := (*queue)[0]
	*queue = (*queue)[1:]
	return o
}

func (e *elsewhere) redirection(ctx context.Context, id string) (Redirection, error) {
	defer e.m.work.begin("ask where the output of container "+id+" is", stuckRuntime)()
	return redirection(ctx, e.runtime, id)
}

// answered takes in where an outlet is, or that the runtime could not say so when it was
// asked.
func (e *elsewhere) answered(ctx context.Context, o *outlet, asked time.Time, to Redirection, err error) {
	e.asking--
	o.wanted = false
	if ctx.Err() != nil || e.outlets[o.id] != o {
		return
	}
	now := time.Now()
	if to.Elsewhere {
		e.away(o)
	}
	if err != nil {
		if asked.Before(e.recoveredAt) {
			o.retry.succeeded() // it has come to its senses since
		}
		o.retry.failed(now)
		e.failed.add(e.m, o, err)
		e.tellUnanswered(now)
		e.plan(o.retry.not)
		e.probe(now)
		return
	}
	e.recovered(o)
	if !to.Elsewhere {
		e.atHome(o)
		return
	}
	o.lead(to, now)
	e.visit(o)
	e.likely(to.Provisional, now)
}

// away follows when a container's output turns out not to be at its log path, wherever it is.
func (e *elsewhere) away(o *outlet) {
	if !o.where.away() {
		o.where.settle(outputAway)
		e.m.mail.post(func(r *registry) { r.ledElsewhere(o.id) })
	}
}

// likely follows when the runtime has named a file, or that is only likely to be the right
// one: once it names files again, all those are asked for at once. It may have no answer for
// one container alone, which is asked for once a minute then.
func (e *elsewhere) likely(provisional bool, now time.Time) {
	if provisional || !e.provisional {
		e.provisional = provisional
		return
	}
	e.provisional = false
	for _, o := range e.outlets {
		if o.to.Provisional && now.Sub(o.confirmed) >= missingRefresh {
			o.confirmed = now
			e.wantAsk(o, &e.again)
		}
	}
}

// probeLikely has one known container asked for every ten seconds while the runtime names no
// file itself: so it shows soon when it does again.
func (e *elsewhere) probeLikely(now time.Time) {
	if !e.provisional || now.Sub(e.probedAt) < outletEvery-time.Second {
		return // the round that comes next is a little earlier or later
	}
	e.probedAt = now
	var oldest *outlet
	for _, o := range e.outlets {
		if o.known() && (oldest == nil || o.asked.Before(oldest.asked)) {
			oldest = o
		}
	}
	if oldest != nil {
		e.wantAsk(oldest, &e.again)
	}
}

// atHome follows when a container's output turns out to be at its log path.
func (e *elsewhere) atHome(o *outlet) {
	if o.known() {
		return // it does not move there
	}
	delete(e.outlets, o.id)
	if o.where.settle(outputHere) {
		e.m.mail.post(func(r *registry) { r.ledHome(o.id) })
	}
}

// recovered follows when the runtime has answered: others that it had no answer for are
// asked for again in a second, since it may be back.
func (e *elsewhere) recovered(o *outlet) {
	o.retry.succeeded()
	now := time.Now()
	e.recoveredAt = now
	e.failed.drop(e.m, o.id)
	e.tellAnswered()
	for _, other := range e.failed.outlets {
		if other.retry.left(now) > shortestBackoff {
			other.retry.succeeded()
			other.retry.failed(now)
			e.plan(other.retry.not)
		}
	}
}
