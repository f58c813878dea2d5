package logmgr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cri-logshim/cri-logshim/event"
)

const (
	// askTimeout is how long the runtime may take for a list or a status.
	askTimeout = 10 * time.Second
	// asksAtOnce is how many containers' status is asked for at the same time, so
	// that one that is stuck does not hold up the others.
	asksAtOnce = 8
	// sweepEvery is how often legacy links that lead nowhere are looked for;
	// kubelet has the same period.
	sweepEvery = time.Minute
)

// reconcileLoop learns from the runtime what no CRI call through us has told:
// containers made before we began, or behind our back, and those that ended by
// themselves.
func (m *Manager) reconcileLoop(ctx context.Context) error {
	ticker := time.NewTicker(m.ReconcileEvery)
	defer ticker.Stop()
	var swept time.Time
	news := influx{tell: m.Learning}
	for {
		m.protect("reconcile", func() {
			began := time.Now()
			listed, err := m.reconcile(ctx, &news)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				m.metrics.failed(stepList)
				if m.unlisted.CompareAndSwap(nil, &began) {
					event.RuntimeNotListed.On(m.Log).WithError(err).Warn("cannot list the runtime's containers; trying again")
				}
			case time.Since(swept) >= sweepEvery:
				swept = time.Now()
				if err := m.sweepLegacy(idsIn(listed)); err != nil {
					m.metrics.failed(stepUnlink)
					m.Log.WithError(err).Warn("cannot sweep the legacy links")
				}
			}
			if err == nil && m.unlisted.Swap(nil) != nil {
				event.RuntimeListed.On(m.Log).Info("the runtime's containers can be listed again")
			}
		})
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-m.reconcileCh:
		}
	}
}

// reconcile compares the registry with the runtime's list once and returns that.
func (m *Manager) reconcile(ctx context.Context, news *influx) ([]Listed, error) {
	began := time.Now()
	call, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	listed, err := m.Runtime.List(call)
	if err != nil {
		return nil, err
	}
	var unknown []string
	var learned int
	err = m.ask(ctx, func(r *registry) {
		unknown = r.compare(began, listed)
		learned, r.learned = r.learned, 0
	})
	if err != nil {
		return nil, err
	}
	news.look(began, len(unknown), learned)
	var group errgroup.Group
	group.SetLimit(asksAtOnce)
	for _, id := range unknown {
		group.Go(func() error {
			m.protect("status of container "+id, func() { m.learn(ctx, id) })
			return nil
		})
	}
	return listed, group.Wait()
}

// unlistedFor is how long the runtime may not list its containers before that is a reason for
// Trouble.
const unlistedFor = 30 * time.Second

// unlistedTrouble is why containers may not be known.
func (m *Manager) unlistedTrouble() []string {
	since := m.unlisted.Load()
	if since == nil || time.Since(*since) < unlistedFor {
		return nil
	}
	return []string{fmt.Sprintf("the runtime has not listed its containers for %s, so new ones may not be known", time.Since(*since).Round(time.Second))}
}

// idsIn are the ids in a list.
func idsIn(listed []Listed) map[string]bool {
	ids := make(map[string]bool, len(listed))
	for _, c := range listed {
		ids[c.ID] = true
	}
	return ids
}

// learn asks the runtime about a container that is not known yet, or not all of it.
func (m *Manager) learn(ctx context.Context, id string) {
	c, err := m.status(ctx, id)
	switch {
	case err == nil:
		m.mail.post(func(r *registry) { r.answered(c) })
	case errors.Is(err, ErrNotFound) || ctx.Err() != nil: // it has gone meanwhile, or we are to go
	default:
		m.metrics.failed(stepStatus)
		m.mail.post(func(r *registry) { r.unanswered(id, err) })
	}
}

func (m *Manager) status(ctx context.Context, id string) (Container, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return m.Runtime.Status(ctx, id)
}

// compare takes in a list that was asked for at began and returns the ids that
// are not known, or not confirmed.
func (r *registry) compare(began time.Time, listed []Listed) (unknown []string) {
	r.asked = map[string]bool{} // a new one: one that was large stays so when it is cleared
	if len(r.unclear) > 0 {
		exists := idsIn(listed)
		maps.DeleteFunc(r.unclear, func(id, _ string) bool { return !exists[id] })
	}
	r.lists++
	// What has ended first: a successor may write to the same path.
	slices.SortStableFunc(listed, func(a, b Listed) int { return cmp.Compare(b.State, a.State) })
	for _, l := range listed {
		c := r.containers[l.ID]
		if c != nil {
			c.listed = r.lists
			if !c.confirmed {
				unknown = append(unknown, l.ID)
			}
		}
		switch {
		case c == nil:
			unknown = append(unknown, l.ID)
			r.asked[l.ID] = true
		case c.changed.Before(began) && c.State != l.State:
			r.enter(c, l.State)
		}
	}
	for id, c := range r.containers {
		if c.listed != r.lists && c.changed.Before(began) {
			r.remove(id)
		}
	}
	return unknown
}
