package top

import (
	"fmt"
	"time"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/terminal"
)

// labelCells is how wide what stands before a detail is.
const labelCells = 19

// detailLines are all that is known of one log, in so many cells.
func detailLines(l api.Log, now time.Time, cells int) []line {
	var d details
	d.cells = cells
	d.put("Log", strong, fullName(l))
	if l.LastError != "" {
		d.put("! Last error", alarm, l.LastError)
	}
	if !l.Managed {
		d.put("! Not managed", warning, l.NotManaged)
	}
	if l.Elsewhere {
		d.put("Elsewhere", plain, "the runtime keeps the output in files of its own")
	}
	d.put("State", plain, fmt.Sprintf("%s, attempt %d", l.State, l.Attempt))
	d.put("Container ID", plain, l.ID)
	d.put("Pod UID", plain, l.PodUID)
	d.put("Path", plain, l.Path)
	d.blank()
	d.put("Growing by", strong, terminal.Rate(l.BytesPerSecond))
	d.put("Written", plain, fmt.Sprintf("%s since it is managed, last %s", terminal.Size(l.BytesWritten), before(now, l.LastWrite)))
	d.put("Current file", plain, current(l))
	d.put("On disk", plain, onDisk(l))
	d.put("Rotations", plain, fmt.Sprintf("%s, last %s", number(l.Rotations), before(now, l.LastRotation)))
	d.put("Largest at rotation", plain, overshoot(l))
	d.put("Compressed by", plain, ratio(l.CompressionRatio))
	d.blank()
	for _, p := range policyLines(l.Policy) {
		d.put(p[0], plain, p[1])
	}
	return d.lines
}

// details are lines with a label each.
type details struct {
	cells int
	lines []line
}

func (d *details) blank() { d.lines = append(d.lines, line{}) }

// put adds a detail, on as many lines as it takes. What is empty is unknown.
func (d *details) put(label string, how look, text string) {
	if text == "" {
		text = unknown
	}
	room := d.cells - labelCells - gap
	if room < labelCells { // too narrow for two columns
		d.lines = append(d.lines, textLine(faint, label))
		for _, part := range wrap(harmless(text), d.cells) {
			d.lines = append(d.lines, textLine(how, part))
		}
		return
	}
	for _, part := range wrap(harmless(text), room) {
		l := textLine(faint, pad(label, labelCells+gap))
		l.add(how, part)
		d.lines = append(d.lines, l)
		label = ""
	}
}

func before(now time.Time, then *time.Time) string {
	if then == nil {
		return unknown
	}
	return fmt.Sprintf("%s ago (%s)", ago(now, then), then.UTC().Format(time.RFC3339))
}

func current(l api.Log) string {
	if l.CurrentBytes == nil || l.Policy.MaxSize <= 0 {
		return known(l.CurrentBytes)
	}
	share := float64(*l.CurrentBytes) / float64(l.Policy.MaxSize)
	return fmt.Sprintf("%s of %s %s%s", terminal.Size(*l.CurrentBytes), terminal.Size(l.Policy.MaxSize), bar(share, barCells), percent(share))
}

func onDisk(l api.Log) string {
	if l.Files == nil {
		return known(l.DiskBytes)
	}
	return known(l.DiskBytes) + " in " + count(*l.Files, "file")
}

func overshoot(l api.Log) string {
	if l.Overshoot == 0 {
		return unknown
	}
	return fmt.Sprintf("%.2f times the limit", l.Overshoot)
}

// policyLines say what holds for a log.
func policyLines(p api.Policy) [][2]string {
	orNone := func(is bool, text, none string) string {
		if is {
			return text
		}
		return none
	}
	return [][2]string{
		{"Limit of a file", orNone(p.MaxSize > 0, terminal.Size(p.MaxSize), "none, it is not rotated")},
		{"Files", number(int64(p.MaxFiles))},
		{"Limit of all files", orNone(p.MaxTotalSize > 0, terminal.Size(p.MaxTotalSize), "none")},
		{"Age", orNone(p.MaxAge > 0, span(seconds(p.MaxAge)), "no limit")},
		{"Compression", p.Compression},
		{"Kept after removal", orNone(p.KeepAfterRemoval > 0, span(seconds(p.KeepAfterRemoval)), "no")},
	}
}
