package page

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// look is what the template makes the page of.
type look struct {
	Interval int64 // milliseconds between two questions of the script
	Now      time.Time
	Trouble  string // why there is nothing to show; empty: there is
	Node     api.Node
	Logs     []api.Log
	Bounds   []bound
	Largest  int64   // what the log that takes most takes on disk
	Blank    api.Log // what the script copies rows of
}

// bound is one of those of the node, and how near it is.
type bound struct {
	Name string // of the setting
	Text string
	Used float64 // per cent of what is allowed; 100: the bound is reached
}

// look asks the source. The log that is written to fastest comes first.
func (p *page) look(ctx context.Context) look {
	l := look{Interval: p.interval.Milliseconds(), Now: time.Now()}
	var err error
	if l.Node, err = p.source.Node(ctx); err != nil {
		l.Trouble = err.Error()
		return l
	}
	list, err := p.source.Logs(ctx)
	if err != nil {
		l.Trouble = err.Error()
		return l
	}
	l.Now = list.Time
	l.Logs = slices.Clone(list.Logs)
	slices.SortStableFunc(l.Logs, fastestFirst)
	for _, log := range l.Logs {
		l.Largest = max(l.Largest, known(log.DiskBytes))
	}
	l.Bounds = bounds(l.Node.Disk)
	return l
}

func fastestFirst(a, b api.Log) int {
	return cmp.Or(
		cmp.Compare(b.BytesPerSecond, a.BytesPerSecond),
		cmp.Compare(known(b.DiskBytes), known(a.DiskBytes)),
		strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Pod, b.Pod), strings.Compare(a.Container, b.Container),
	)
}

// known is a number, or 0 where nobody knows it.
func known(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// bounds are the bounds that there are. Each comes to 100 % where it is reached: what logs take
// as a part of what they may, and the floor as a part of what is free.
func bounds(d api.Disk) []bound {
	var all []bound
	if d.MaxBytes != nil {
		all = append(all, bound{
			Name: "node.maxBytes", Used: share(d.LogBytes, *d.MaxBytes),
			Text: formatBytes(d.LogBytes) + " of " + formatBytes(d.MaxBytes) + " for logs",
		})
	}
	if d.MinFreeBytes != nil {
		all = append(all, bound{
			Name: "node.minFree", Used: floor(d.MinFreeBytes, d.FreeBytes),
			Text: formatBytes(d.FreeBytes) + " free, at least " + formatBytes(d.MinFreeBytes),
		})
	}
	if d.MinFreeInodes != nil {
		all = append(all, bound{
			Name: "node.minFreeInodes", Used: floor(d.MinFreeInodes, d.FreeInodes),
			Text: countKnown(d.FreeInodes) + " inodes free, at least " + count(*d.MinFreeInodes),
		})
	}
	return all
}

// floor is how near what is free has come to its least.
func floor(least, free *int64) float64 {
	switch {
	case free == nil || *least <= 0:
		return 0
	case *free <= *least:
		return 100
	}
	return share(least, *free)
}

func countKnown(n *int64) string {
	if n == nil {
		return "–"
	}
	return count(*n)
}
