package logmgr

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// pollTick is the time between two looks of the poller. Being woken costs it some
	// 50 µs, a look about 2 µs, so it looks seldom and at many logs at once.
	pollTick = 5 * time.Millisecond
	// pollSlots is how many ticks are looked ahead: more than longestLook.
	pollSlots = 256
	// calmFor is how far from its limit, in time, a log must be to be left to the poller.
	calmFor = 50 * time.Millisecond
)

// poller looks at logs that are written to but nowhere near their limit: at all of them
// in one goroutine, since a goroutine and a timer for each cost several times as much,
// nearly all of it for being woken. A log that it has is dozing, and belongs to it as an
// awake one belongs to its tender.
type poller struct {
	began time.Time

	mu    sync.Mutex // also held while files are looked at
	tick  int64      // that was looked at last, counted since began
	slots [pollSlots][]*containerLog
	kick  chan struct{} // holds a token when logs have come
}

// doze is a log's place with the poller.
type doze struct {
	dozes  bool
	tick   int64     // of the next look
	policy *Policy   // that it dozes under
	ripe   time.Time // when it is to be rotated for its age; zero: never
}

func newPoller() *poller {
	return &poller{began: time.Now(), kick: make(chan struct{}, 1)}
}

// add hands a log over, to be looked at after wait. Its tender must not touch it any more.
func (p *poller) add(l *containerLog, m *Manager, now time.Time, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.doze.dozes = true
	p.put(l, now, wait)
	m.metrics.awake.Inc()
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// put puts a log into the slot of the last tick within wait, or of the next one.
func (p *poller) put(l *containerLog, now time.Time, wait time.Duration) {
	tick := int64(now.Add(wait).Sub(p.began) / pollTick)
	l.doze.tick = min(max(tick, p.tick+1), p.tick+pollSlots-1)
	slot := &p.slots[l.doze.tick%pollSlots]
	*slot = append(*slot, l)
}

// take takes a log back, if it dozes. It waits for looks under way.
func (p *poller) take(l *containerLog, m *Manager) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !l.doze.dozes {
		return
	}
	l.doze.dozes = false
	m.metrics.awake.Dec()
	slot := &p.slots[l.doze.tick%pollSlots]
	*slot = slices.DeleteFunc(*slot, func(other *containerLog) bool { return other == l })
}

// run looks at logs until ctx is done.
func (p *poller) run(ctx context.Context, m *Manager) error {
	timer := time.NewTimer(longestLook)
	defer timer.Stop()
	for {
		if next, more := p.pass(m); more {
			timer.Reset(max(time.Until(next), shortestLook))
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-p.kick:
		case <-timer.C:
		}
	}
}

// pass looks at the logs of all ticks that have come, and returns when the next one is
// that has any.
func (p *poller) pass(m *Manager) (next time.Time, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	current := int64(now.Sub(p.began) / pollTick)
	// After a long time without any logs all slots are empty, and need no second look.
	p.tick = max(p.tick, current-pollSlots)
	for p.tick < current {
		p.tick++
		slot := &p.slots[p.tick%pollSlots]
		if len(*slot) == 0 {
			continue
		}
		due := *slot
		*slot = nil
		p.look(m, due, now)
		if *slot == nil {
			clear(due)
			*slot = due[:0] // its room serves again
		}
	}
	for tick := p.tick + 1; tick < p.tick+pollSlots; tick++ {
		if len(p.slots[tick%pollSlots]) > 0 {
			return p.began.Add(time.Duration(tick) * pollTick), true
		}
	}
	return time.Time{}, false
}

// look looks at logs, and wakes those that need more than that.
func (p *poller) look(m *Manager, logs []*containerLog, now time.Time) {
	defer m.work.begin("look at slowly growing logs", stuckFile)()
	for len(logs) > 0 {
		n := 0
		m.protect("look at a slowly growing log", func() {
			for _, l := range logs {
				wait, stays := l.glance(now)
				if !stays {
					return
				}
				p.put(l, now, wait)
				n++
			}
		})
		if n == len(logs) {
			return
		}
		l := logs[n]
		logs = logs[n+1:]
		l.doze.dozes, l.handed = false, true
		m.metrics.awake.Dec()
		m.mail.post(func(r *registry) { r.wake(l) })
	}
}

// glance is a look at a dozing log. It stays where it is if nothing but its size has
// changed, and that as before.
func (l *containerLog) glance(now time.Time) (wait time.Duration, stays bool) {
	info, err := l.dir.Stat(l.name)
	policy := l.doze.policy
	if err != nil || info.ID != l.current || l.policy.Load() != policy || l.pace.size == 0 && info.Size > 0 { // its age begins
		return 0, false
	}
	l.weigh(now, info)
	l.pace.look(now, info.Size)
	wait = l.pace.wait(policy.MaxSize)
	if !l.doze.ripe.IsZero() {
		wait = min(wait, l.doze.ripe.Sub(now))
	}
	return wait, wait > 0 && l.pace.calm(policy.MaxSize) && !l.pace.quiet()
}
