package top

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// model is the state of the live view. Update and View touch nothing but it; what has to be
// asked is asked by the commands that Update returns.
//
//	        /            enter             R
//	typing <-- table <------------> details --> confirming
//	            ^  ?       esc                   y, or any other key: back
//	            +----> help
type model struct {
	actions
	begin    tea.Cmd // nil: with a look
	interval time.Duration
	painter  painter
	cells    int // of the terminal's lines
	height   int // in lines

	now    time.Time
	sample sample
	// asking is whether an answer is waited for, ticking whether the time for the next look is.
	asking, ticking bool
	// away is why the daemon does not answer, since awaySince; nil: it does.
	away      error
	awaySince time.Time
	paused    bool

	order   Order
	reverse bool
	filter  Filter

	// rows are the logs that are shown, in their order, and table is how: it is laid out when they
	// or the terminal change, and not at each key.
	rows  []api.Log
	table table
	// chosen is the ID of the log that keys act on; empty: whichever comes first.
	chosen string
	// at is the index of that row, and first the index of the row at the top of the screen.
	at, first int

	showing page
	// subject is the ID of the log whose details are shown, scroll the first line of them.
	subject string
	scroll  int

	asks prompt
	// before is the filter that was, while another is typed.
	before Filter
	// turning is the log whose rotation has to be confirmed.
	turning api.Log
	notice  line
}

// page is what fills the screen.
type page uint8

const (
	showTable page = iota
	showDetails
	showHelp
)

// prompt is what is asked of the operator in the last line.
type prompt uint8

const (
	asksNothing prompt = iota
	asksFilter
	asksRotation
)

// actions are what a model has done elsewhere.
type actions struct {
	look   func() answered
	rotate func(id, name string) tea.Cmd
	wait   func(time.Duration) tea.Cmd
}

// What comes of actions.
type (
	// answered is what the source has said, or why it has not.
	answered struct {
		sample sample
		err    error
		at     time.Time
	}
	// ticked says that the next look is due.
	ticked time.Time
	// rotated is what came of a rotation.
	rotated struct {
		name   string
		result api.RotateResult
		err    error
	}
)

// Init begins with what is known already, or else with a look.
func (m *model) Init() tea.Cmd {
	if m.begin != nil {
		return m.begin
	}
	return m.ask()
}

// ask takes a look, unless the answer to one is waited for already.
func (m *model) ask() tea.Cmd {
	if m.asking {
		return nil
	}
	m.asking = true
	look := m.look
	return func() tea.Msg { return look() }
}

// Update takes in what has happened.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var next tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.cells, m.height = msg.Width, msg.Height
		m.layOut()
	case answered:
		next = m.takeIn(msg)
	case ticked:
		next = m.tick(time.Time(msg))
	case rotated:
		m.notice = rotationNotice(msg)
		next = m.ask()
	case tea.KeyPressMsg:
		next = m.press(msg)
	case tea.PasteMsg:
		if m.asks == asksFilter {
			m.retype(m.filter.text + msg.Content)
		}
	}
	m.settle()
	return m, next
}

// tick takes the look that is due.
func (m *model) tick(now time.Time) tea.Cmd {
	m.now, m.ticking = now, false
	if m.paused {
		return m.later()
	}
	return m.ask()
}

// later has the next look be taken in time, and only one, however many answers there were.
func (m *model) later() tea.Cmd {
	if m.ticking {
		return nil
	}
	m.ticking = true
	return m.wait(m.interval)
}

// takeIn takes in an answer.
func (m *model) takeIn(a answered) tea.Cmd {
	m.asking = false
	m.now = a.at
	switch {
	case a.err == nil:
		m.away = nil
		if !m.paused {
			m.sample = a.sample
			m.arrange()
		}
	case m.away == nil:
		m.away, m.awaySince = a.err, a.at
	default:
		m.away = a.err
	}
	return m.later()
}

// arrange puts the logs into rows, and finds the chosen one again. Where it has gone, the one
// that is in its place now is chosen.
func (m *model) arrange() {
	m.rows = m.filter.choose(m.sample.logs)
	sortLogs(m.rows, m.order, m.reverse)
	m.layOut()
	i := slices.IndexFunc(m.rows, func(l api.Log) bool { return l.ID == m.chosen })
	switch {
	case m.chosen == "":
		m.at = 0
	case i >= 0:
		m.at = i
	default:
		m.choose(m.at)
	}
}

func (m *model) layOut() {
	m.table = newTable(m.rows, m.sample.node.Time, m.order, m.reverse, max(1, m.cells))
}

// choose chooses a row. At the first one that is whichever log comes first.
func (m *model) choose(at int) {
	m.at = max(0, min(at, len(m.rows)-1))
	m.chosen = ""
	if m.at > 0 {
		m.chosen = m.rows[m.at].ID
	}
}

// settle keeps what is chosen among the rows, and on the screen.
func (m *model) settle() {
	m.at = max(0, min(m.at, len(m.rows)-1))
	room := m.layout().rows
	m.first = min(m.first, m.at, max(0, len(m.rows)-room))
	m.first = max(m.first, m.at-room+1, 0)
	if m.showing != showTable {
		m.scroll = max(0, min(m.scroll, len(m.pageLines())-m.layout().page))
	}
}

// find returns a log by its ID, as it is now.
func (m *model) find(id string) (api.Log, bool) {
	i := slices.IndexFunc(m.sample.logs, func(l api.Log) bool { return l.ID == id })
	if i < 0 {
		return api.Log{}, false
	}
	return m.sample.logs[i], true
}
