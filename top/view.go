package top

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// View draws the screen.
func (m *model) View() tea.View {
	view := tea.NewView(m.painter.paint(m.screen()))
	view.AltScreen = true
	return view
}

// layout is how the lines of a screen are shared out.
type layout struct {
	head  int  // lines on the node, with those on what is wrong
	space bool // a line between these and the table
	rows  int  // of the table, without its head
	page  int  // lines of details or help
	foot  int
}

// layout leaves the table most of the screen, and all that it takes where there is little.
func (m *model) layout() layout {
	var l layout
	l.foot = 1
	if m.height >= 10 {
		l.foot = 2
	}
	l.head = max(0, min(len(m.headLines()), (m.height-l.foot)/3))
	l.space = m.height >= 16
	l.page = max(0, m.height-l.foot)
	l.rows = max(0, m.height-l.foot-l.head-1)
	if l.space {
		l.rows--
	}
	return l
}

// headLines are what stands above the table.
func (m *model) headLines() []line {
	if m.sample.node.Time.IsZero() && m.away == nil {
		return []line{textLine(plain, "Asking the daemon …")}
	}
	lines := headLines(m.sample.node)
	if m.away != nil {
		lines = append(awayLines(m.awaySince, m.now, m.away), lines...)
	}
	return lines
}

// screen is what is seen: as many lines as the terminal has, and none wider than it.
func (m *model) screen() []line {
	l := m.layout()
	var lines []line
	if m.showing == showTable {
		lines = append(m.headLines()[:l.head:l.head], m.tableLines(l)...)
	} else {
		lines = m.pageLines()
		lines = lines[min(max(0, m.scroll), len(lines)):]
		lines = lines[:min(l.page, len(lines))]
	}
	for len(lines) < m.height-l.foot {
		lines = append(lines, line{})
	}
	lines = append(lines, m.footLines()[:l.foot]...)
	lines = lines[:max(0, min(m.height, len(lines)))]
	for i := range lines {
		lines[i] = lines[i].fit(m.cells)
		if missing := m.cells - lines[i].width(); lines[i].chosen && missing > 0 {
			lines[i].add(plain, strings.Repeat(" ", missing)) // the bar reaches the edge
		}
	}
	return lines
}

// tableLines are the head of the table and those of its rows that there is room for.
func (m *model) tableLines(l layout) []line {
	var lines []line
	if l.space {
		lines = append(lines, line{})
	}
	lines = append(lines, m.table.head())
	for i := m.first; i < min(len(m.rows), m.first+l.rows); i++ {
		lines = append(lines, m.table.row(m.rows[i], i == m.at))
	}
	if len(m.rows) == 0 && l.rows > 0 && !m.sample.node.Time.IsZero() {
		none := "   No logs are known"
		if len(m.sample.logs) > 0 {
			none = "   No log is found by the filter; esc takes it away"
		}
		lines = append(lines, textLine(faint, none))
	}
	return lines
}

// pageLines are all lines of the details or of the help.
func (m *model) pageLines() []line {
	if m.showing == showHelp {
		return helpLines()
	}
	var lines []line
	if m.away != nil {
		lines = awayLines(m.awaySince, m.now, m.away)
	}
	log, is := m.find(m.subject)
	if !is {
		return append(lines, textLine(warning, "! This log is no longer known; esc goes back"))
	}
	return append(lines, detailLines(log, m.sample.node.Time, m.cells)...)
}

// footLines are what is asked or told, or else what is shown; and the keys.
func (m *model) footLines() []line {
	var first line
	switch {
	case m.asks == asksFilter:
		first = m.filterPrompt()
	case m.asks == asksRotation:
		first = textLine(strong, fmt.Sprintf("Rotate %s now? y/n", harmless(fullName(m.turning))))
	case len(m.notice.pieces) > 0:
		first = m.notice
	default:
		first = m.standing()
	}
	return []line{first, textLine(faint, m.keys())}
}

func (m *model) filterPrompt() line {
	l := textLine(strong, "Filter: ")
	l.add(plain, harmless(m.filter.text)+"█")
	if m.filter.text != "" && m.filter.pattern == nil {
		l.add(warning, "  no expression, searched for as it stands")
	}
	l.add(faint, fmt.Sprintf("  %s of %s", number(int64(len(m.rows))), number(int64(len(m.sample.logs)))))
	return l
}

// standing says which rows are shown, and how.
func (m *model) standing() line {
	var l line
	if m.paused {
		l.add(warning, "PAUSED  ")
	}
	shown := count(len(m.sample.logs), "log")
	if len(m.rows) < len(m.sample.logs) {
		shown = number(int64(len(m.rows))) + " of " + shown
	}
	l.add(plain, shown+", by "+string(m.order))
	if m.reverse {
		l.add(plain, " reversed")
	}
	if m.filter.Namespace != "" {
		l.add(plain, ", namespace "+harmless(m.filter.Namespace))
	}
	if m.filter.text != "" {
		l.add(plain, ", filter "+harmless(m.filter.text))
	}
	if room := m.layout().rows; m.showing == showTable && room < len(m.rows) {
		l.add(faint, fmt.Sprintf(", rows %d to %d", m.first+1, min(len(m.rows), m.first+room)))
	}
	l.add(faint, ", every "+m.interval.String())
	return l
}

func (m *model) keys() string {
	switch {
	case m.asks == asksFilter:
		return "enter keep  esc as before  ctrl-u empty"
	case m.showing == showTable:
		return "? help  / filter  1-5 sort  r reverse  enter details  space pause  R rotate  q quit"
	}
	return "esc back  up, down scroll  R rotate  q quit"
}
