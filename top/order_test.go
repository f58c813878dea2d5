package top

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// A row must not get lost or change places with an equal one at each look, and what nobody has
// counted must not stand among the largest.
func TestSorted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var logs []api.Log
		for range rapid.IntRange(0, 40).Draw(t, "logs") {
			logs = append(logs, api.Log{
				ID: rapid.StringMatching(`[a-f]{8}`).Draw(t, "id"), Pod: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "pod"),
				BytesPerSecond: rapid.Int64Range(0, 3).Draw(t, "rate"), Rotations: rapid.Int64Range(0, 3).Draw(t, "rotations"),
				DiskBytes: rapid.Ptr(rapid.Int64Range(0, 3), true).Draw(t, "disk"), CurrentBytes: rapid.Ptr(rapid.Int64Range(0, 3), true).Draw(t, "current"),
			})
		}
		order, reverse := rapid.SampledFrom(Orders()).Draw(t, "order"), rapid.Bool().Draw(t, "reverse")
		sorted := slices.Clone(logs)
		sortLogs(sorted, order, reverse)
		again := rapid.Permutation(logs).Draw(t, "in another order")
		sortLogs(again, order, reverse)
		ids := func(logs []api.Log) []string {
			var all []string
			for _, l := range logs {
				all = append(all, l.ID)
			}
			return all
		}
		if !slices.Equal(slices.Sorted(slices.Values(ids(logs))), slices.Sorted(slices.Values(ids(sorted)))) {
			t.Fatalf("%q became %q", ids(logs), ids(sorted))
		}
		if !slices.Equal(ids(sorted), ids(again)) {
			t.Fatalf("the same logs, sorted twice: %q, %q", ids(sorted), ids(again))
		}
		for i := 1; i < len(sorted); i++ {
			a, b := sorted[i-1], sorted[i]
			x, y := order.figure(a), order.figure(b)
			switch {
			case order == ByName && !reverse && compareNames(a, b) > 0, order == ByName && reverse && compareNames(a, b) < 0:
				t.Fatalf("%s stands before %s", a.ID, b.ID)
			case x == nil && y != nil:
				t.Fatal("what nobody has counted does not stand last")
			case x != nil && y != nil && (*x < *y) != reverse && *x != *y:
				t.Fatalf("%d stands before %d", *x, *y)
			}
		}
	})
}

// --sort names an order as the help does, and a typing error says what there is.
func TestParseOrder(t *testing.T) {
	t.Parallel()
	for _, order := range Orders() {
		if got, err := ParseOrder(string(order)); got != order || err != nil {
			t.Errorf("%q: %q, %v", order, got, err)
		}
	}
	for _, wrong := range []string{"", "size", "Rate"} {
		if _, err := ParseOrder(wrong); err == nil || !strings.Contains(err.Error(), "rate, disk, current, rotations, name") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// Logs of one rank stay in the order of their names, whichever way the ranks go: they do not change
// places with each look.
func TestEqualRanksGoByName(t *testing.T) {
	t.Parallel()
	for _, reverse := range []bool{false, true} {
		logs := []api.Log{{Pod: "b"}, {Pod: "c"}, {Pod: "a"}}
		sortLogs(logs, ByRate, reverse)
		if logs[0].Pod != "a" || logs[1].Pod != "b" || logs[2].Pod != "c" {
			t.Errorf("reversed %t: %v", reverse, logs)
		}
	}
}

// An arrow that points the wrong way is worse than none.
func TestArrow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		order   Order
		reverse bool
		want    string
	}{{ByRate, false, "RATE▼"}, {ByRate, true, "RATE▲"}, {ByName, false, "POD▲"}, {ByName, true, "POD▼"}, {ByDisk, false, "DISK▼"}} {
		table := newTable(busyNode().logs, noon(), c.order, c.reverse, 0)
		if head := table.head().String(); !strings.Contains(head, c.want) || strings.Count(head, "▼")+strings.Count(head, "▲") != 1 {
			t.Errorf("by %s, reversed %t: %q", c.order, c.reverse, head)
		}
	}
}

// The narrower the terminal, the fewer columns: none may come back, the pod and what rows are
// sorted by stay to the end, and at 80 columns one still sees who fills the disk.
func TestColumnsForTheRoomThereIs(t *testing.T) {
	t.Parallel()
	for _, order := range Orders() {
		var before []column
		for cells := 250; cells > 0; cells-- {
			table := newTable(busyNode().logs, noon(), order, false, cells)
			if before != nil && len(table.columns) > len(before) {
				t.Errorf("by %s: %d columns in %d cells, and %d in one more", order, len(table.columns), cells, len(before))
			}
			before = table.columns
			titles := make([]string, 0, len(before))
			for _, c := range before {
				titles = append(titles, c.title)
			}
			wanted := []string{"POD", map[Order]string{ByRate: "RATE", ByDisk: "DISK", ByCurrent: "CURRENT", ByRotations: "ROTATED", ByName: "POD"}[order]}
			if cells >= 80 {
				wanted = append(wanted, "NAMESPACE", "CONTAINER", "RATE", "CURRENT", "DISK")
			}
			for _, title := range wanted {
				if !slices.Contains(titles, title) {
					t.Errorf("by %s in %d cells: no %s in %q", order, cells, title, titles)
				}
			}
			if !slices.IsSortedFunc(before, func(a, b column) int { return cmp.Compare(titleAt(a.title), titleAt(b.title)) }) {
				t.Errorf("columns have changed places: %q", titles)
			}
		}
	}
}

func titleAt(title string) int {
	return slices.IndexFunc(columns(), func(c column) bool { return c.title == title })
}
