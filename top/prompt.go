package top

import (
	"fmt"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/cri-logshim/cri-logshim/terminal"
)

// maxFilter is how long a filter may be, in bytes.
const maxFilter = 200

// typeFilter takes one key of a filter. The rows follow at once.
func (m *model) typeFilter(key tea.KeyPressMsg) {
	switch key.String() {
	case "enter":
		m.asks = asksNothing
	case "esc":
		m.asks, m.filter = asksNothing, m.before
		m.arrange()
	case "ctrl+u":
		m.retype("")
	case "backspace", "ctrl+h":
		_, last := utf8.DecodeLastRuneInString(m.filter.text)
		m.retype(m.filter.text[:len(m.filter.text)-last])
	default:
		m.retype(m.filter.text + key.Text)
	}
}

// retype filters by another text. A chosen log that is not found by it is chosen no more.
func (m *model) retype(text string) {
	if len(text) > maxFilter || text == m.filter.text {
		return
	}
	m.filter = NewFilter(m.filter.Namespace, text)
	if log, is := m.find(m.chosen); !is || !m.filter.shows(log) {
		m.choose(0)
	}
	m.arrange()
}

// askRotation asks whether the chosen log is to be rotated. What is rotated is the log that was
// named, whichever is in its place by then.
func (m *model) askRotation() {
	log, is := m.current()
	switch {
	case !is:
	case !log.Managed:
		m.notice = textLine(warning, fmt.Sprintf("! %s is not managed and cannot be rotated", harmless(fullName(log))))
	default:
		m.asks, m.turning = asksRotation, log
	}
}

// confirm takes the answer to whether a log is to be rotated.
func (m *model) confirm(key string) tea.Cmd {
	m.asks = asksNothing
	if key != "y" && key != "Y" {
		m.notice = textLine(plain, "Not rotated")
		return nil
	}
	m.notice = textLine(plain, "Rotating "+harmless(fullName(m.turning))+" …")
	return m.rotate(m.turning.ID, fullName(m.turning))
}

// rotationNotice says what came of a rotation.
func rotationNotice(r rotated) line {
	name := harmless(r.name)
	switch {
	case r.err != nil:
		return textLine(alarm, fmt.Sprintf("! %s could not be rotated: %s", name, harmless(r.err.Error())))
	case !r.result.Rotated:
		return textLine(warning, fmt.Sprintf("! %s was not rotated: %s", name, harmless(r.result.Reason)))
	}
	return textLine(good, fmt.Sprintf("Rotated %s: %s to %s", name, terminal.Size(r.result.Bytes), harmless(r.result.File)))
}
