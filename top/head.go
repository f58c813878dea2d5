package top

import (
	"fmt"
	"time"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/terminal"
)

// mostReasons is how many reasons against being ready are shown.
const mostReasons = 3

// headLines are what is said of the node as a whole, what matters most first, so that a low
// terminal may leave out the end.
func headLines(n api.Node) []line {
	lines := append([]line{titleLine(n)}, alarmLines(n)...)
	lines = append(lines, workLine(n), diskLine(n.Disk))
	if l, is := readerLine(n); is {
		lines = append(lines, l)
	}
	if l, is := eventLine(n); is {
		lines = append(lines, l)
	}
	return lines
}

// alarmLines say what is not as it should be.
func alarmLines(n api.Node) []line {
	var lines []line
	if n.Disk.Pressure != "" {
		lines = append(lines, textLine(alarm, "! Pressure: "+harmless(n.Disk.Pressure)))
	}
	for i, reason := range n.Reasons {
		if i == mostReasons {
			lines = append(lines, textLine(alarm, fmt.Sprintf("! and %d more reasons: cri-logshim status", len(n.Reasons)-i)))
			break
		}
		lines = append(lines, textLine(alarm, "! Not ready: "+harmless(reason)))
	}
	return lines
}

// titleLine says what and where this is.
func titleLine(n api.Node) line {
	l := textLine(strong, "cri-logshim "+harmless(n.Version)+" on "+harmless(n.Host))
	l.add(plain, ", mode "+harmless(n.Mode))
	if !n.Started.IsZero() {
		l.add(plain, ", for "+span(max(0, n.Time.Sub(n.Started))))
	}
	l.add(plain, "   ")
	name := n.Runtime.Name
	if name == "" {
		name = "runtime"
	}
	if n.Runtime.Version != "" {
		name += " " + n.Runtime.Version
	}
	l.add(plain, harmless(name)+" ")
	l.add(runtimeLook(n.Runtime))
	if !n.Time.IsZero() {
		l.add(faint, "   "+n.Time.UTC().Format("15:04:05Z"))
	}
	return l
}

// runtimeLook is whether the runtime answers, and the look of that. A connection that is being made
// is soon one or given up.
func runtimeLook(r api.Runtime) (look, string) {
	switch r.State {
	case api.StateReady:
		return good, r.State
	case "idle", "connecting":
		return warning, "connecting"
	}
	return alarm, "does not answer"
}

// workLine says what is done.
func workLine(n api.Node) line {
	l := textLine(plain, "Logs ")
	l.add(strong, number(int64(n.Logs)))
	l.add(plain, fmt.Sprintf(" (%s active", number(int64(n.Active))))
	if n.Elsewhere > 0 {
		l.add(plain, fmt.Sprintf(", %s the runtime's own", number(int64(n.Elsewhere))))
	}
	l.add(plain, ")   Growing by ")
	l.add(strong, terminal.Rate(n.BytesPerSecond))
	l.add(plain, "   Rotations "+number(n.Rotations))
	if n.Kubelet.Rotates {
		l.add(warning, "   ! kubelet rotates too")
	}
	return l
}

// diskLine says what logs take of what they may.
func diskLine(d api.Disk) line {
	l := textLine(plain, "Disk ")
	l.add(strong, known(d.LogBytes))
	if most := budget(d); most != nil && d.LogBytes != nil {
		share := 1.0
		if *most > 0 {
			share = float64(*d.LogBytes) / float64(*most)
		}
		l.add(plain, " of "+terminal.Size(*most)+" ")
		l.add(shareLook(share), bar(share, 2*barCells)+percent(share))
	}
	l.add(plain, "   kept "+known(d.KeptBytes)+"   free "+known(d.FreeBytes))
	if d.MinFreeBytes != nil {
		l.add(plain, ", at least "+terminal.Size(*d.MinFreeBytes))
	}
	if d.FreeInodes != nil && d.MinFreeInodes != nil && *d.FreeInodes < *d.MinFreeInodes {
		l.add(alarm, fmt.Sprintf("   ! inodes free %s, at least %s", number(*d.FreeInodes), number(*d.MinFreeInodes)))
	}
	return l
}

// budget is the most that logs may take: to their own bound, and no more than leaves free on the
// disk what has to be, if all else on it stays as it is. Nil: there is no bound.
func budget(d api.Disk) *int64 {
	most := d.MaxBytes
	if d.LogBytes != nil && d.FreeBytes != nil && d.MinFreeBytes != nil {
		byDisk := max(0, *d.LogBytes+*d.FreeBytes-*d.MinFreeBytes)
		if most == nil || byDisk < *most {
			most = &byDisk
		}
	}
	return most
}

func shareLook(share float64) look {
	switch {
	case share > 1:
		return alarm
	case share > 0.9:
		return warning
	}
	return good
}

// readerLine says which program is behind in reading logs.
func readerLine(n api.Node) (line, bool) {
	if len(n.Readers) == 0 || n.Readers[0].LagBytes <= 0 {
		return line{}, false
	}
	r := n.Readers[0]
	return textLine(plain, fmt.Sprintf("Furthest behind: %s, %s in %s of %s", harmless(r.Name), terminal.Size(r.LagBytes),
		number(int64(r.ContainersBehind)), count(r.Containers, "log"))), true
}

// eventLine says what went wrong last.
func eventLine(n api.Node) (line, bool) {
	if len(n.Errors) == 0 {
		return line{}, false
	}
	e := n.Errors[0]
	how := warning
	if e.Level == "error" {
		how = alarm
	}
	l := textLine(how, fmt.Sprintf("Last %s", harmless(e.Level)))
	l.add(plain, fmt.Sprintf(" %s ago: %s", ago(n.Time, &e.Time), harmless(e.Message)))
	if e.Pod != "" {
		l.add(faint, harmless(" ("+e.Namespace+"/"+e.Pod+"/"+e.Container+")"))
	}
	return l, true
}

// awayLines say that the daemon does not answer, since when, and why.
func awayLines(since, now time.Time, err error) []line {
	return []line{
		textLine(alarm, fmt.Sprintf("! No answer for %s; shown is what was last", span(max(0, now.Sub(since))))),
		textLine(alarm, "! "+harmless(err.Error())),
	}
}
