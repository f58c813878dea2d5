package top

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// Order is what rows are sorted by. The most comes first, but for names, which are in the
// order of the alphabet.
type Order string

// The orders that there are.
const (
	ByRate      Order = "rate"      // what is written now
	ByDisk      Order = "disk"      // what all files take
	ByCurrent   Order = "current"   // the size of the file that is written to
	ByRotations Order = "rotations" // how often it was rotated
	ByName      Order = "name"      // namespace, pod and container
)

// Orders are all that there are, as the keys 1 to 5 choose them.
func Orders() []Order { return []Order{ByRate, ByDisk, ByCurrent, ByRotations, ByName} }

// ParseOrder returns the order of a name.
func ParseOrder(name string) (Order, error) {
	if order := Order(name); slices.Contains(Orders(), order) {
		return order, nil
	}
	names := make([]string, 0, len(Orders()))
	for _, order := range Orders() {
		names = append(names, string(order))
	}
	return "", fmt.Errorf("%q: must be one of %s", name, strings.Join(names, ", "))
}

// sortLogs puts logs into an order, or that order reversed. What nobody has counted comes last
// in both, and logs that are equal in it are ordered by name, so that rows do not change
// places for nothing.
func sortLogs(logs []api.Log, order Order, reverse bool) {
	slices.SortStableFunc(logs, func(a, b api.Log) int {
		x, y := order.figure(a), order.figure(b)
		if by := compareKnown(x, y); by != 0 {
			return by
		}
		if x != nil && y != nil && *x != *y {
			if reverse {
				return cmp.Compare(*x, *y)
			}
			return cmp.Compare(*y, *x)
		}
		if order == ByName && reverse {
			return compareNames(b, a)
		}
		return compareNames(a, b)
	})
}

// figure is the number that an order goes by; nil where nobody has counted it, or it has none.
func (o Order) figure(l api.Log) *int64 {
	switch o {
	case ByRate:
		return &l.BytesPerSecond
	case ByDisk:
		return l.DiskBytes
	case ByCurrent:
		return l.CurrentBytes
	case ByRotations:
		return &l.Rotations
	case ByName:
	}
	return nil
}

// compareKnown puts what is known before what is not.
func compareKnown(x, y *int64) int {
	switch {
	case x != nil && y == nil:
		return -1
	case x == nil && y != nil:
		return 1
	}
	return 0
}

func compareNames(a, b api.Log) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod),
		cmp.Compare(a.Container, b.Container), cmp.Compare(a.ID, b.ID))
}
