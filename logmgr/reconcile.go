package logmgr

import (
	"context"
	"errors"
	"time"
)

const (
	// askTimeout is how long the runtime may take for a list or a status.
	askTimeout = 10 * time.Second
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
	var complained bool
	for {
		exists, err := m.reconcile(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			m.metrics.failed("list")
			if !complained {
				m.Log.WithError(err).Warn("cannot list the runtime's containers; trying again")
			}
		case time.Since(swept) >= sweepEvery:
			swept = time.Now()
			if err := m.sweepLegacy(exists); err != nil {
				m.metrics.failed("unlink")
				m.Log.WithError(err).Warn("cannot sweep the legacy links")
			}
		}
		complained = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-m.reconcileCh:
		}
	}
}

// reconcile compares the registry with the runtime's list once and returns the
// ids that exist.
func (m *Manager) reconcile(ctx context.Context) (map[string]bool, error) {
	began := time.Now()
	call, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	listed, err := m.Runtime.List(call)
	if err != nil {
		return nil, err
	}
	exists := make(map[string]bool, len(listed))
	for _, c := range listed {
		exists[c.ID] = true
	}
	var unknown []string
	err = m.ask(ctx, func(r *registry) {
		unknown = r.compare(began, listed, exists)
	})
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, id := range unknown {
		c, err := m.status(ctx, id)
		switch {
		case err == nil:
			m.mail.post(func(r *registry) { r.add(c) })
		case !errors.Is(err, ErrNotFound): // else it has gone meanwhile
			errs = append(errs, err)
		}
	}
	return exists, errors.Join(errs...)
}

func (m *Manager) status(ctx context.Context, id string) (Container, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return m.Runtime.Status(ctx, id)
}

// compare takes in a list that was asked for at began and returns the ids that
// are not known.
func (r *registry) compare(began time.Time, listed []Listed, exists map[string]bool) (unknown []string) {
	for _, l := range listed {
		c := r.containers[l.ID]
		switch {
		case c == nil:
			unknown = append(unknown, l.ID)
		case c.changed.Before(began) && c.State != l.State:
			r.enter(c, l.State)
		}
	}
	for id, c := range r.containers {
		if !exists[id] && c.changed.Before(began) {
			r.remove(id)
		}
	}
	return unknown
}
