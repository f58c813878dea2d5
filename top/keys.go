package top

import (
	"math"

	tea "charm.land/bubbletea/v2"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// press does what a key asks for.
func (m *model) press(key tea.KeyPressMsg) tea.Cmd {
	name := key.String()
	switch {
	case name == "ctrl+c":
		return tea.Quit
	case name == "ctrl+z":
		return tea.Suspend
	case m.asks == asksFilter:
		m.typeFilter(key)
		return nil
	case m.asks == asksRotation:
		return m.confirm(name)
	}
	m.notice = line{}
	switch name {
	case "q":
		return tea.Quit
	case "space", " ":
		return m.pause()
	case "R":
		m.askRotation()
		return nil
	}
	if m.showing != showTable {
		m.pressOnPage(name)
		return nil
	}
	m.pressOnTable(name)
	return nil
}

// pause stops the view as it is, or has it go on at once.
func (m *model) pause() tea.Cmd {
	m.paused = !m.paused
	if m.paused {
		return nil
	}
	return m.ask()
}

// pressOnTable does what a key asks for at the table.
func (m *model) pressOnTable(name string) {
	switch name {
	case "?", "h", "f1":
		m.open(showHelp)
	case "/":
		m.asks, m.before = asksFilter, m.filter
	case "esc":
		m.retype("")
	case "enter":
		if m.at < len(m.rows) {
			m.subject = m.rows[m.at].ID
			m.open(showDetails)
		}
	case "r":
		m.sortBy(m.order, !m.reverse)
	case "1", "2", "3", "4", "5":
		m.sortBy(Orders()[name[0]-'1'], false)
	case "s", ">", "right":
		m.sortNext(1)
	case "<", "left":
		m.sortNext(-1)
	default:
		if by, is := steps(name, m.layout().rows); is {
			m.choose(m.at + by)
		}
	}
}

// pressOnPage does what a key asks for where there is text to read.
func (m *model) pressOnPage(name string) {
	switch name {
	case "esc", "enter", "backspace", "left":
		m.showing = showTable
	case "?", "h", "f1":
		if m.showing == showHelp {
			m.showing = showTable
		} else {
			m.open(showHelp)
		}
	default:
		if by, is := steps(name, m.layout().page); is {
			m.scroll = min(max(m.scroll, 0)+by, math.MaxInt32)
		}
	}
}

// steps is by how many lines a key moves, where a page has so many.
func steps(name string, page int) (int, bool) {
	switch name {
	case "up", "k", "ctrl+p":
		return -1, true
	case "down", "j", "ctrl+n":
		return 1, true
	case "pgup", "ctrl+b":
		return -max(1, page-1), true
	case "pgdown", "ctrl+f":
		return max(1, page-1), true
	case "home", "g":
		return -math.MaxInt32, true
	case "end", "G":
		return math.MaxInt32, true
	}
	return 0, false
}

func (m *model) open(p page) { m.showing, m.scroll = p, 0 }

func (m *model) sortBy(order Order, reverse bool) {
	m.order, m.reverse = order, reverse
	m.arrange()
}

// sortNext sorts by the order so many further.
func (m *model) sortNext(by int) {
	orders := Orders()
	for i, order := range orders {
		if order == m.order {
			m.sortBy(orders[(i+by+len(orders))%len(orders)], false)
			return
		}
	}
}

// current is the log that keys act on.
func (m *model) current() (api.Log, bool) {
	if m.showing == showDetails {
		return m.find(m.subject)
	}
	if m.showing == showHelp || m.at >= len(m.rows) {
		return api.Log{}, false
	}
	return m.rows[m.at], true
}
