package logmgr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/event"
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

// errUnfinished is what becomes of a Prune that the end of the manager, or a panic, has cut short.
var errUnfinished = errors.New("not all was removed: the work on logs has ended, or failed, meanwhile; the daemon's log says more")

// keptReason is given for files of removed pods that an order has asked for.
const keptReason = "kept"

// prune is an order that somebody waits for.
type prune struct {
	PruneOrder
	done  chan struct{} // closed when the rest is set
	files []PrunedFile
	err   error
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
		return order.files, order.err
	case <-ctx.Done():
		return nil, fmt.Errorf("files are still being removed: %w", context.Cause(ctx))
	}
}

// Prune is not what an Observer does.
func (o *Observer) Prune(context.Context, PruneOrder) ([]PrunedFile, error) {
	return nil, fmt.Errorf("%w: %s", ErrNothingRemoved, notInObserve)
}

// carryOut removes what an order asks for, or tells it. No disk is full, so where it cannot be known
// who reads the logs, nothing goes.
func (p *pressure) carryOut(ctx context.Context, m *Manager, order *prune) {
	defer close(order.done)
	defer order.report(m.Log)
	order.err = errUnfinished // unless all comes to its end
	all := m.inventory(ctx)
	if err := m.whoReads(ctx, all, orderedAsk); err != nil {
		order.err = fmt.Errorf("%w: cannot find out who reads the logs: %w", ErrNothingRemoved, err)
		return
	}
	node := *p.node.Load()
	for _, h := range all {
		if ctx.Err() != nil {
			return
		}
		order.tidy(m, h, all)
	}
	short := p.measure(m, node, sumOf(all)).ours
	if order.DryRun { // what would be gone is not free yet
		for _, f := range order.files {
			short.minFree -= f.Bytes
			short.minFreeInodes--
		}
	}
	mend(ctx, all, short, func(h *holding, reason retention.Reason) freed {
		f, _ := order.remove(m, h, reason)
		return f
	})
	if !order.DryRun && len(order.files) > 0 {
		token(m.keeper.pruned)
	}
	if ctx.Err() == nil {
		order.err = nil
	}
}

// tidy does what policies ask for of a holding, or with all of it that outlives its pod, if that
// was asked for.
func (o *prune) tidy(m *Manager, h *holding, all []*holding) {
	if h.history.of == nil { // only keepDir has it
		for o.Kept && len(h.stock.removable) > 0 {
			o.remove(m, h, keptReason)
		}
		return
	}
	s, policy := h.stock, h.policy.Load()
	s.addKept(m.onlyKept(h)) // it counts as the container's, as when its log is tidied
	for i, reason := range retention.Excess(s.files(h.missed), s.fixed, policy.bounds(), m.Now()) {
		p := s.removable[i]
		if !p.kept {
			if _, whole := o.remove(m, h, reason); !whole {
				return
			}
			continue
		}
		gone, whole := p.files, true
		if !o.DryRun {
			gone, whole = m.removeOf(h, p, reason)
		}
		for _, other := range all {
			if other.history.of == nil && other.dir == h.dir {
				other.without(gone)
			}
		}
		if o.tell(h, gone, reason); !whole {
			return
		}
	}
}

// onlyKept is what only keepDir has of a history.
func (m *Manager) onlyKept(h *holding) (only []logfile.Log) {
	defer m.work.begin("look at the files in keepDir", stuckFile)()
	err := m.inDir(h.dir, func(dir *logfile.Dir) (err error) {
		only, err = m.keeper.only(h.history, dir)
		return err
	})
	if err != nil {
		m.metrics.failed(stepKeep)
		h.complain("cannot look at what is kept of the container's log", err)
	}
	return only
}

// without takes files out of what may be removed, each of which is a piece of its own.
func (h *holding) without(gone []logfile.File) {
	for _, f := range gone {
		h.stock.removable = slices.DeleteFunc(h.stock.removable, func(p piece) bool { return p.files[0].ID == f.ID })
		h.disk -= f.Disk
	}
}

// remove removes the oldest piece of a holding, or does as if, and notes what has really gone: of
// a piece in several forms that may be a part. Whole is whether all of it has.
func (o *prune) remove(m *Manager, h *holding, reason retention.Reason) (f freed, whole bool) {
	var gone []logfile.File
	if o.DryRun {
		gone, whole = h.takeNext().files, true
		h.disk -= freedBy(gone).bytes
	} else {
		gone, whole = m.removeNext(h, reason)
	}
	o.tell(h, gone, reason)
	return freedBy(gone), whole
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

// report has the journal tell what is gone for good, by what asked for it: whoever looks for these
// lines later finds that somebody had them removed.
func (o *prune) report(log logrus.FieldLogger) {
	if o.DryRun {
		return
	}
	type sum struct{ files, bytes int64 }
	sums := map[string]sum{}
	for _, f := range o.files {
		s := sums[f.Reason]
		sums[f.Reason] = sum{files: s.files + 1, bytes: s.bytes + f.Bytes}
	}
	for _, reason := range slices.Sorted(maps.Keys(sums)) {
		event.FilesRemoved.On(log).WithFields(logrus.Fields{"files": sums[reason].files, "bytes": sums[reason].bytes, "setting": reason}).
			Info("removed log files, since a prune was asked for")
	}
}

// namesOf are the names that a directory below podLogsDir bears by Kubernetes' rules.
func namesOf(dir string) (namespace, pod, container string) {
	podDir, container, _ := strings.Cut(dir, "/")
	parts := strings.Split(podDir, "_") // no name of Kubernetes' has a _
	if len(parts) != 3 {
		return "", podDir, container
	}
	return parts[0], parts[1], container
}
