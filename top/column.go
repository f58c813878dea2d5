package top

import (
	"fmt"
	"strings"
	"time"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/terminal"
)

// column is one of the table's.
type column struct {
	title string
	// order is what rows are sorted by when it is chosen; empty: none.
	order Order
	// number is whether what is in it ends at its right edge.
	number bool
	// worth says which columns stay where there is no room for all: those that are worth more.
	worth int
	// least is how many cells what is in it may be squeezed to, and ease how many as long as
	// lesser columns can go instead; 0: it may not be.
	ease, least int
	cell        func(l api.Log, now time.Time) piece
}

// lesser is what columns are worth that go before names become hard to read.
const lesser = 4

// barCells is how long a bar in the table is.
const barCells = 10

// columns are all that there are, from left to right.
func columns() []column {
	return []column{
		{title: "NAMESPACE", worth: 7, ease: 11, least: 6, cell: func(l api.Log, _ time.Time) piece { return piece{text: harmless(l.Namespace)} }},
		{title: "POD", order: ByName, worth: 10, ease: 22, least: 12, cell: func(l api.Log, _ time.Time) piece { return piece{text: harmless(l.Pod)} }},
		{title: "CONTAINER", worth: 8, ease: 10, least: 6, cell: func(l api.Log, _ time.Time) piece { return piece{text: harmless(l.Container)} }},
		{title: "RATE", order: ByRate, number: true, worth: 9, cell: rateCell},
		{title: "CURRENT", order: ByCurrent, number: true, worth: 5, cell: func(l api.Log, _ time.Time) piece { return piece{text: known(l.CurrentBytes)} }},
		{title: "OF ITS LIMIT", worth: 2, cell: limitCell},
		{title: "DISK", order: ByDisk, number: true, worth: 6, cell: func(l api.Log, _ time.Time) piece { return piece{text: known(l.DiskBytes)} }},
		{title: "FILES", number: true, worth: 1, cell: filesCell},
		{title: "ROTATED", order: ByRotations, number: true, worth: 4, cell: func(l api.Log, _ time.Time) piece { return piece{text: number(l.Rotations)} }},
		{title: "RATIO", number: true, worth: 0, cell: func(l api.Log, _ time.Time) piece { return piece{text: ratio(l.CompressionRatio)} }},
		{title: "WRITTEN", number: true, worth: 3, cell: func(l api.Log, now time.Time) piece { return piece{text: ago(now, l.LastWrite)} }},
	}
}

func rateCell(l api.Log, _ time.Time) piece {
	if l.BytesPerSecond == 0 {
		return piece{terminal.Rate(0), faint}
	}
	return piece{terminal.Rate(l.BytesPerSecond), strong}
}

func filesCell(l api.Log, _ time.Time) piece {
	if l.Files == nil {
		return piece{text: unknown}
	}
	return piece{text: number(int64(*l.Files))}
}

// limitCell shows how full the current file is.
func limitCell(l api.Log, _ time.Time) piece {
	if l.CurrentBytes == nil || l.Policy.MaxSize <= 0 {
		return piece{text: unknown}
	}
	share := float64(*l.CurrentBytes) / float64(l.Policy.MaxSize)
	shown := piece{text: bar(share, barCells) + percent(share)}
	if share > 1 {
		shown.look = warning
	}
	return shown
}

// bar shows a share of a whole; more than the whole is full.
func bar(share float64, cells int) string {
	full := int(max(0, min(1, share))*float64(cells) + 0.5)
	return strings.Repeat("█", full) + strings.Repeat("░", cells-full)
}

// percent shows a share in five cells.
func percent(share float64) string {
	if share >= 9.995 {
		return fmt.Sprintf(" %3.0f×", min(share, 999))
	}
	return fmt.Sprintf(" %3.0f%%", max(0, share)*100)
}
