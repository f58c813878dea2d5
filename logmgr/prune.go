package logmgr

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/retention"
)

// PruneOrder says what is to be removed now.
type PruneOrder struct {
	// DryRun has nothing removed, only told.
	DryRun bool
	// Kept asks for all logs of removed pods and attempts, beyond what bounds ask for.
	Kept bool
}

// PrunedFile is a file that was removed, or would be.
type PrunedFile struct {
	Namespace, Pod, Container string
	Name                      string
	Bytes                     int64  // on disk
	Reason                    string // the setting that asks for it, or what the order has asked for
}

// ErrNothingRemoved marks the reason why a Prune was not begun.
var ErrNothingRemoved = errors.New("nothing was removed")

// keptReason is given for files of removed pods that an order has asked for.
const keptReason = "kept"

// prune is an order that somebody waits for.
type prune struct {
	PruneOrder
	done  chan struct{} // closed when the rest is set
	files []PrunedFile
}

// Prune removes what the bounds of the node and the policies of logs ask for now, in the
// goroutine that keeps these bounds, with the same care for readers. It waits for that: what was
// begun goes on when ctx is done.
func (m *Manager) Prune(ctx context.Context, o PruneOrder) ([]PrunedFile, error) {
	if m.waiting.Load() {
		return nil, fmt.Errorf("%w: %w", ErrNothingRemoved, errOthers)
	}
	order := &prune{PruneOrder: o, done: make(chan struct{})}
	select {
	case m.pressure.orders <- order:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: it was not the order's turn yet: %w", ErrNothingRemoved, context.Cause(ctx))
	}
	select {
	case <-order.done:
		return order.files, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("files are still being removed: %w", context.Cause(ctx))
	}
}

// Prune is not what an Observer does.
func (o *Observer) Prune(context.Context, PruneOrder) ([]PrunedFile, error) {
	return nil, fmt.Errorf("%w: %s", ErrNothingRemoved, notInObserve)
}

// carryOut removes what an order asks for, or tells it.
func (p *pressure) carryOut(ctx context.Context, m *Manager, order *prune) {
	defer close(order.done)
	all := m.inventory(ctx)
	m.whoReads(ctx, all)
	node := *p.node.Load()
	for _, h := range all {
		if ctx.Err() != nil {
			return
		}
		for _, piece := range order.excess(m, h) {
			order.remove(m, h, piece.reason)
			if len(h.stock.removable) == 0 {
				break // it was the last one, or could not go
			}
		}
	}
	short := p.measure(m, node, sumOf(all)).ours
	if order.DryRun { // what would be gone is not free yet
		for _, f := range order.files {
			short.minFree -= f.Bytes
			short.minFreeInodes--
		}
	}
	mend(ctx, all, short, func(h *holding, reason retention.Reason) freed { return order.remove(m, h, reason) })
}

// wanted is a piece that is to go, and why.
type wanted struct {
	piece
	reason retention.Reason
}

// excess is what policies ask for of a holding, the oldest first, or all of it that outlives
// its pod if that was asked for.
func (o *prune) excess(m *Manager, h *holding) (all []wanted) {
	if h.history.of == nil { // only keepDir has it
		for _, p := range h.stock.removable {
			if o.Kept {
				all = append(all, wanted{p, keptReason})
			}
		}
		return all
	}
	policy := h.policy.Load()
	for i, reason := range retention.Excess(h.stock.files(h.missed), h.stock.fixed, policy.bounds(), m.Now()) {
		all = append(all, wanted{h.stock.removable[i], reason})
	}
	return all
}

// remove removes the oldest piece of a holding, or does as if, and notes what has really gone: of
// a piece in several forms that may be a part.
func (o *prune) remove(m *Manager, h *holding, reason retention.Reason) freed {
	var gone []logfile.File
	if o.DryRun {
		gone = h.takeNext().files
		h.disk -= freedBy(gone).bytes
	} else {
		gone = m.removeNext(h, reason)
	}
	o.tell(h, gone, reason)
	return freedBy(gone)
}

// tell takes down files that are gone, or would be.
func (o *prune) tell(h *holding, files []logfile.File, reason retention.Reason) {
	for _, f := range files {
		one := PrunedFile{Name: f.Name, Bytes: f.Disk, Reason: string(reason)}
		if h.history.of != nil {
			one.Namespace, one.Pod, one.Container = h.history.of.Namespace, h.history.of.Pod, h.history.of.Name
		} else {
			one.Namespace, one.Pod, one.Container = namesOf(h.dir)
		}
		o.files = append(o.files, one)
	}
}

// namesOf are the names that a directory below podLogsDir bears by Kubernetes' rules.
func namesOf(dir string) (namespace, pod, container string) {
	podDir, container := path.Split(dir)
	parts := strings.Split(path.Clean(podDir), "_")
	if len(parts) != 3 {
		return "", path.Clean(podDir), container
	}
	return parts[0], parts[1], container
}
