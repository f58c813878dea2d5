package top

import (
	"slices"
	"time"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// The cells beside those of the columns.
const (
	gap       = 2 // between two columns
	markCells = 3 // before the first one: what is chosen, what is wrong, a blank
)

// table is the logs that are shown, with as many columns as have room.
type table struct {
	columns []column
	widths  []int
	order   Order
	reverse bool
	now     time.Time
}

// newTable lays out the columns for logs in so many cells; 0: in as many as they take.
func newTable(logs []api.Log, now time.Time, order Order, reverse bool, cells int) table {
	t := table{columns: columns(), order: order, reverse: reverse, now: now}
	for _, c := range t.columns {
		widest := width(c.title)
		if c.order == order {
			widest++ // the arrow
		}
		for _, l := range logs {
			widest = max(widest, width(c.cell(l, now).text))
		}
		t.widths = append(t.widths, widest)
	}
	if cells > 0 {
		t.fit(cells)
	}
	return t
}

// cells is what the table takes.
func (t *table) cells() int {
	taken := markCells + gap*(len(t.columns)-1)
	for _, w := range t.widths {
		taken += w
	}
	return taken
}

// fit makes a table narrower: names are squeezed, the longest first, and where that is not
// enough, the column that is worth least goes, but never the one that rows are sorted by. Names
// stay easy to read for as long as there are lesser columns that can go instead.
func (t *table) fit(cells int) {
	natural := slices.Clone(t.widths)
	for t.cells() > cells {
		least := t.leastWorth()
		easily := least >= 0 && t.columns[least].worth <= lesser
		if t.squeeze(t.cells()-cells, easily) {
			continue
		}
		if least < 0 {
			return
		}
		natural = slices.Delete(natural, least, least+1)
		t.columns = slices.Delete(t.columns, least, least+1)
		t.widths = slices.Clone(natural)
	}
}

// squeeze takes cells from the widest column that has one to spare, and tells whether there is one.
func (t *table) squeeze(excess int, easily bool) bool {
	widest, next := -1, 0 // the widest column, and how wide the one after it is
	for i, w := range t.widths {
		switch {
		case w <= t.columns[i].narrowest(w, easily):
		case widest < 0:
			widest = i
		case w > t.widths[widest]:
			widest, next = i, t.widths[widest]
		default:
			next = max(next, w)
		}
	}
	if widest < 0 {
		return false
	}
	// As far as the next one is wide, and from there on in turn.
	w := t.widths[widest]
	t.widths[widest] -= max(1, min(excess, w-next, w-t.columns[widest].narrowest(w, easily)))
	return true
}

// narrowest is what a column of some width may be squeezed to.
func (c column) narrowest(w int, easily bool) int {
	switch {
	case c.least == 0:
		return w
	case easily:
		return c.ease
	}
	return c.least
}

// leastWorth is the column that goes next; less than 0: none may.
func (t *table) leastWorth() int {
	least := -1
	for i, c := range t.columns {
		isNeeded := c.order == t.order || c.title == "POD"
		if !isNeeded && (least < 0 || c.worth < t.columns[least].worth) {
			least = i
		}
	}
	return least
}

// head is the line of the columns' names; an arrow stands at what rows are sorted by.
func (t *table) head() line {
	var l line
	l.add(plain, pad("", markCells))
	for i, c := range t.columns {
		title := c.title
		if c.order != "" && c.order == t.order {
			title += t.arrow()
		}
		t.put(&l, i, piece{shorten(title, t.widths[i]), heading})
	}
	return l
}

// arrow points to where the most is; names begin with the first one.
func (t *table) arrow() string {
	if t.reverse != (t.order == ByName) {
		return "▲"
	}
	return "▼"
}

// row is the line of one log.
func (t *table) row(l api.Log, chosen bool) line {
	row := line{chosen: chosen}
	mark := " "
	if chosen {
		mark = "▸"
	}
	row.add(strong, mark)
	row.add(rowMark(l))
	for i, c := range t.columns {
		shown := c.cell(l, t.now)
		if !l.Managed && shown.look == plain {
			shown.look = faint
		}
		t.put(&row, i, shown)
	}
	return row
}

// rowMark is what stands before a log that is not as others are.
func rowMark(l api.Log) (look, string) {
	switch {
	case l.LastError != "":
		return alarm, "! "
	case !l.Managed:
		return faint, "- "
	}
	return plain, "  "
}

// put puts what is in a column behind a line.
func (t *table) put(l *line, i int, what piece) {
	c, last := t.columns[i], i == len(t.columns)-1
	text := squeeze(what.text, t.widths[i])
	blanks := pad("", t.widths[i]-width(text))
	if i > 0 {
		l.add(plain, pad("", gap))
	}
	if c.number {
		l.add(plain, blanks)
	}
	l.add(what.look, text)
	if !c.number && !last {
		l.add(plain, blanks)
	}
}
