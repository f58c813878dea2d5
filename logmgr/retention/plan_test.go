package retention_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cri-logshim/cri-logshim/logmgr/retention"
)

// item is a file of 10 bytes, rotated so many minutes ago.
func item(container, minutes int) retention.Item {
	return retention.Item{Container: container, Rotated: now.Add(-time.Duration(minutes) * time.Minute), Disk: 10}
}

func kept(i retention.Item) retention.Item {
	i.Kept = true
	return i
}

func unread(i retention.Item) retention.Item {
	i.Unread = 1
	return i
}

func empty(i retention.Item) retention.Item {
	i.Disk = 0
	return i
}

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		name  string
		items []retention.Item
		usage map[int]int64
		need  retention.Need
		want  []int
	}{
		{"nothing needed", []retention.Item{item(1, 1)}, nil, retention.Need{}, nil},
		{"nothing there", nil, nil, retention.Need{Bytes: 1, Inodes: 1}, nil},
		{"one byte", []retention.Item{item(1, 2), item(1, 1)}, nil, retention.Need{Bytes: 1}, []int{0}},
		{"more than there is", []retention.Item{item(1, 2), item(1, 1)}, nil, retention.Need{Bytes: 99}, []int{0, 1}},
		{
			"removed pods' first, the oldest first",
			[]retention.Item{item(1, 9), kept(item(2, 3)), kept(item(2, 1)), kept(item(3, 2))},
			map[int]int64{1: 1000, 2: 20, 3: 10},
			retention.Need{Bytes: 31},
			[]int{1, 3, 2, 0},
		},
		{
			"from whom has the most until another has more",
			[]retention.Item{item(1, 1), item(1, 1), item(1, 1), item(2, 9), item(2, 8)},
			map[int]int64{1: 45, 2: 30},
			retention.Need{Bytes: 31},
			[]int{0, 1, 3, 2},
		},
		{
			"current files count in what somebody has",
			[]retention.Item{item(1, 9), item(2, 1)},
			map[int]int64{1: 10, 2: 500},
			retention.Need{Bytes: 1},
			[]int{1},
		},
		{
			"of equals the oldest",
			[]retention.Item{item(1, 1), item(2, 9)},
			map[int]int64{1: 10, 2: 10},
			retention.Need{Bytes: 1},
			[]int{1},
		},
		{
			"what was read before what was not, whoever has the most",
			[]retention.Item{item(1, 5), unread(item(1, 4)), item(1, 3), item(2, 9)},
			map[int]int64{1: 1000, 2: 10},
			retention.Need{Bytes: 31},
			[]int{0, 3, 1, 2},
		},
		{
			"of removed pods too",
			[]retention.Item{unread(kept(item(1, 9))), kept(item(2, 1)), item(3, 99)},
			nil,
			retention.Need{Bytes: 21},
			[]int{1, 0, 2},
		},
		{
			"empty files free no bytes",
			[]retention.Item{empty(item(1, 9)), item(2, 1)},
			map[int]int64{1: 99, 2: 10},
			retention.Need{Bytes: 99},
			[]int{1},
		},
		{
			"but stand before others",
			[]retention.Item{empty(item(1, 9)), item(1, 8), item(2, 1)},
			map[int]int64{1: 10, 2: 10},
			retention.Need{Bytes: 1},
			[]int{0, 1},
		},
		{
			"and free inodes, first of whom has the most files",
			[]retention.Item{item(1, 9), empty(item(2, 2)), empty(item(2, 1))},
			map[int]int64{1: 10},
			retention.Need{Inodes: 2},
			[]int{1, 0},
		},
		{
			"both are needed",
			[]retention.Item{item(1, 9), empty(item(2, 2)), empty(item(2, 1)), item(3, 1)},
			map[int]int64{1: 10, 3: 10},
			retention.Need{Bytes: 11, Inodes: 3},
			[]int{0, 3, 1},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := retention.Plan(c.items, c.usage, c.need); !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestShare(t *testing.T) {
	for _, c := range []struct {
		usage []int64
		total int64
		want  int64
	}{
		{nil, 10, 10},
		{[]int64{1, 2, 3}, 10, 3},
		{[]int64{10, 10}, 10, 5},
		{[]int64{100, 1, 2}, 10, 7},
		{[]int64{4, 100, 100}, 10, 3},
		{[]int64{5, 5}, -1, 0},
	} {
		if got := retention.Share(c.usage, c.total); got != c.want {
			t.Errorf("Share(%v, %d) = %d, want %d", c.usage, c.total, got, c.want)
		}
	}
}

// TestShareFills: if everybody above the share comes down to it, the total is kept,
// and with a share of one byte more it would not be.
func TestShareFills(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		usage := rapid.SliceOfN(rapid.Int64Range(0, 100), 1, 10).Draw(t, "usage")
		total := rapid.Int64Range(0, 1000).Draw(t, "total")
		share := retention.Share(usage, total)
		filled := func(share int64) (sum int64) {
			for _, u := range usage {
				sum += min(u, share)
			}
			return sum
		}
		if got := filled(share); got > total {
			t.Errorf("with %d each has %d in all", share, got)
		}
		if filled(share+1) <= total && share < slices.Max(usage) {
			t.Errorf("a share of %d would do too", share+1)
		}
	})
}

// situation is one that a node can be in.
type situation struct {
	items []retention.Item
	usage map[int]int64
	need  retention.Need
}

func draw(t *rapid.T) situation {
	s := situation{usage: map[int]int64{}}
	s.items = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) retention.Item {
		i := item(rapid.IntRange(0, 4).Draw(t, "container"), rapid.IntRange(0, 30).Draw(t, "age"))
		i.Kept = i.Container >= 3
		i.Disk = rapid.Int64Range(0, 20).Draw(t, "disk")
		i.Unread = max(rapid.Int64Range(-20, 5).Draw(t, "unread"), 0)
		return i
	}), 0, 30).Draw(t, "items")
	for _, i := range s.items {
		s.usage[i.Container] += i.Disk
	}
	for c := range 3 {
		s.usage[c] += rapid.Int64Range(0, 100).Draw(t, "current file")
	}
	s.need.Bytes = rapid.Int64Range(-5, 300).Draw(t, "bytes")
	s.need.Inodes = rapid.Int64Range(-5, 30).Draw(t, "inodes")
	return s
}

// without is what is still needed when the chosen items have gone.
func (s situation) without(chosen []int) retention.Need {
	need := s.need
	for _, i := range chosen {
		need.Bytes -= s.items[i].Disk
		need.Inodes--
	}
	return need
}

func met(need retention.Need) bool { return need.Bytes <= 0 && need.Inodes <= 0 }

// late tells of each item whether it, or one before it in its container, is unread.
func (s situation) late() []bool {
	seen := map[int]bool{}
	var out []bool
	for _, i := range s.items {
		seen[i.Container] = seen[i.Container] || i.Unread > 0
		out = append(out, seen[i.Container])
	}
	return out
}

// TestPlanIsJustEnough: the last one that goes is needed; and while something is
// still needed, nothing stays that would help.
func TestPlanIsJustEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		chosen := retention.Plan(s.items, s.usage, s.need)
		if n := len(chosen); n > 0 && met(s.without(chosen[:n-1])) {
			t.Errorf("%v: the last one goes without need", chosen)
		}
		left := s.without(chosen)
		for i, item := range s.items {
			helps := left.Inodes > 0 || left.Bytes > 0 && item.Disk > 0
			if helps && !slices.Contains(chosen, i) {
				t.Errorf("%v is not enough, and %d stays", chosen, i)
			}
		}
	})
}

// TestPlanKeepsOrder: nothing twice; no gaps in a container's history; pods that
// are gone first; in a class what is read first.
func TestPlanKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		s.need.Inodes = 0
		late := s.late()
		chosen := retention.Plan(s.items, s.usage, s.need)
		left := map[int][]int{}
		for i, item := range s.items {
			left[item.Container] = append(left[item.Container], i)
		}
		last := 0
		for _, i := range chosen {
			mine := left[s.items[i].Container]
			if len(mine) == 0 || mine[0] != i {
				t.Fatalf("%v: %d is not the oldest of its container", chosen, i)
			}
			left[s.items[i].Container] = mine[1:]
			if s.items[i].Disk == 0 {
				continue // goes along with a later one
			}
			class := 0
			if !s.items[i].Kept {
				class = 2
			}
			if late[i] {
				class++
			}
			if class < last {
				t.Errorf("%v: %d comes too late", chosen, i)
			}
			last = class
		}
	})
}

// TestPlanIsFair: whoever loses a file had, when it lost the last one, at least as
// much as anybody who still has one that could have gone instead.
func TestPlanIsFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		s.need.Inodes = 0
		for i := range s.items {
			s.items[i].Kept, s.items[i].Unread = false, 0
			s.items[i].Disk = max(s.items[i].Disk, 1)
		}
		chosen := retention.Plan(s.items, s.usage, s.need)
		has, before := maps.Clone(s.usage), map[int]int64{}
		for _, i := range chosen {
			c := s.items[i].Container
			before[c] = has[c]
			has[c] -= s.items[i].Disk
		}
		for i, item := range s.items {
			if slices.Contains(chosen, i) {
				continue
			}
			for loser, had := range before {
				if had < has[item.Container] {
					t.Errorf("container %d lost a file when it had %d, while %d keeps %d", loser, had, item.Container, has[item.Container])
				}
			}
		}
	})
}

// TestPlanIsDeterministic: also over the order of maps.
func TestPlanIsDeterministic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		usage := maps.Clone(s.usage)
		first := retention.Plan(s.items, s.usage, s.need)
		for range 3 {
			if again := retention.Plan(s.items, s.usage, s.need); !slices.Equal(first, again) {
				t.Errorf("%v, and then %v", first, again)
			}
		}
		if !maps.Equal(usage, s.usage) {
			t.Error("what each has was changed")
		}
	})
}
