package retention

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Item is a file on the node that may go. Those of one container are given oldest
// first.
type Item struct {
	Container int  // whose it is
	Kept      bool // its pod is gone
	Rotated   time.Time
	Disk      int64 // bytes that its removal frees
	Unread    int64 // bytes that an open reader has not read
}

// Need is what has to be freed; 0 or less: nothing.
type Need struct{ Bytes, Inodes int64 }

// Plan returns the indexes of the items that go, in the order in which they go,
// just enough to free need, or everything that helps if that is not enough. usage
// is the bytes that each container has on disk, its current files included.
//
// First go files of pods that are gone, the oldest first. Then it is the turn of
// whichever container has the most, again and again, which takes from each what it
// has above an equal share; that is measured in bytes, or in files when only inodes
// are short. Both times what is read goes before what is not. An item that frees
// no bytes goes only for its inode, or to get at a later one of its container.
func Plan(items []Item, usage map[int]int64, need Need) []int {
	p := newPlanner(items, usage, need)
	for _, phase := range []struct{ kept, unread bool }{{true, false}, {true, true}, {false, false}, {false, true}} {
		for p.need.Bytes > 0 || p.need.Inodes > 0 {
			q, n := p.next(phase.kept, phase.unread)
			if q == nil {
				break
			}
			p.take(q, n)
		}
	}
	return p.chosen
}

// Share is the water level: the most that each of the users may have if all that
// have less keep what they have and the whole is total.
func Share(usage []int64, total int64) int64 {
	sorted := slices.Sorted(slices.Values(usage))
	for i, used := range sorted {
		equal := max(total, 0) / int64(len(sorted)-i)
		if used > equal {
			return equal
		}
		total -= used
	}
	if len(sorted) == 0 {
		return max(total, 0)
	}
	return sorted[len(sorted)-1]
}

// queue is what is left of one container's items, oldest first; those of a pod
// that is gone have a queue of their own.
type queue struct {
	container int
	kept      bool
	indexes   []int
	readable  int // how many of them come before the first unread one
}

type planner struct {
	items  []Item
	queues []*queue
	bytes  map[int]int64 // what each container has left
	files  map[int]int64
	need   Need
	chosen []int
}

func newPlanner(items []Item, usage map[int]int64, need Need) *planner {
	p := &planner{items: items, bytes: maps.Clone(usage), files: map[int]int64{}, need: need}
	if p.bytes == nil {
		p.bytes = map[int]int64{}
	}
	type key struct {
		container int
		kept      bool
	}
	queues := map[key]*queue{}
	unread := map[*queue]bool{}
	for i, item := range items {
		k := key{item.Container, item.Kept}
		q := queues[k]
		if q == nil {
			q = &queue{container: item.Container, kept: item.Kept}
			queues[k] = q
			p.queues = append(p.queues, q)
		}
		q.indexes = append(q.indexes, i)
		if item.Unread > 0 {
			unread[q] = true // a reader works in order, so it needs all later ones too
		}
		if !unread[q] {
			q.readable++
		}
		p.files[item.Container]++
	}
	return p
}

// next returns the queue whose turn it is and how many of its items go at once;
// nil: none of this phase helps.
func (p *planner) next(kept, unread bool) (best *queue, n int) {
	for _, q := range p.queues {
		if q.kept != kept {
			continue
		}
		helping := p.helping(q, unread)
		if helping > 0 && (best == nil || p.before(q, best)) {
			best, n = q, helping
		}
	}
	return best, n
}

// helping is how many of the queue's oldest items have to go to free anything of
// what is needed; 0: none of them would.
func (p *planner) helping(q *queue, unread bool) int {
	candidates := q.indexes
	if !unread {
		candidates = q.indexes[:q.readable]
	}
	if p.need.Bytes <= 0 {
		return min(len(candidates), 1)
	}
	freeing := slices.IndexFunc(candidates, func(i int) bool { return p.items[i].Disk > 0 })
	if freeing < 0 && p.need.Inodes > 0 {
		return min(len(candidates), 1)
	}
	return freeing + 1
}

// before tells whether it is a's turn before b's.
func (p *planner) before(a, b *queue) bool {
	oldest := p.items[a.indexes[0]].Rotated.Compare(p.items[b.indexes[0]].Rotated)
	if a.kept {
		return cmp.Or(oldest, cmp.Compare(a.indexes[0], b.indexes[0])) < 0
	}
	having := p.bytes
	if p.need.Bytes <= 0 {
		having = p.files
	}
	most := cmp.Compare(having[b.container], having[a.container])
	return cmp.Or(most, oldest, cmp.Compare(a.indexes[0], b.indexes[0])) < 0
}

// take chooses the queue's n oldest items.
func (p *planner) take(q *queue, n int) {
	for _, i := range q.indexes[:n] {
		p.chosen = append(p.chosen, i)
		p.need.Bytes -= p.items[i].Disk
		p.need.Inodes--
		p.bytes[q.container] -= p.items[i].Disk
		p.files[q.container]--
	}
	q.indexes = q.indexes[n:]
	q.readable = max(q.readable-n, 0)
}
