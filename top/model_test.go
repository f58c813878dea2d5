package top

import (
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"pgregory.net/rapid"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

func press(m *model, names ...string) tea.Cmd {
	var last tea.Cmd
	for _, name := range names {
		_, last = m.Update(keyPress(name))
	}
	return last
}

func text(m *model) string {
	var all []string
	for _, l := range m.screen() {
		all = append(all, l.String())
	}
	return strings.Join(all, "\n")
}

// again is a sample in which something has changed, as the daemon's next answer.
func again(s sample, change func(*api.Log)) answered {
	logs := make([]api.Log, len(s.logs))
	for i, l := range s.logs {
		change(&l)
		logs[i] = l
	}
	s.logs = logs
	return answered{sample: s, at: noon()}
}

// If two chains of looks ran, the daemon would be asked ever more often; if none did, the view
// would stand still for good. Each rotation, each pause and each answer could begin or end one.
func TestLooksAreTakenOneAfterTheOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(Options{Interval: time.Second, Order: ByRate}, actions{
			look: func() answered { return answered{sample: busyNode(), at: noon()} },
			rotate: func(_, name string) tea.Cmd {
				return func() tea.Msg { return rotated{name: name, result: api.RotateResult{Rotated: true}} }
			},
			wait: func(time.Duration) tea.Cmd { return func() tea.Msg { return ticked(noon()) } },
		})
		m.Update(tea.WindowSizeMsg{Width: 100, Height: 30})
		due := []tea.Cmd{m.Init()}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			var next tea.Cmd
			if rapid.Bool().Draw(t, "something happens") {
				i := rapid.IntRange(0, len(due)-1).Draw(t, "which")
				msg := due[i]()
				if a, is := msg.(answered); is && rapid.Bool().Draw(t, "fails") {
					a.err = errors.New("connection refused")
					msg = a
				}
				due = append(due[:i:i], due[i+1:]...)
				_, next = m.Update(msg)
			} else {
				_, next = m.Update(keyPress(rapid.SampledFrom([]string{"space", "R", "y", "n", "j", "/", "esc", "enter"}).Draw(t, "key")))
			}
			if next != nil {
				due = append(due, next)
			}
			looks := 0
			for _, d := range due {
				if _, is := d().(rotated); !is {
					looks++
				}
			}
			if looks < 1 || looks > 2 || m.asking && m.ticking && looks != 2 {
				t.Fatalf("%d looks are under way or due", looks)
			}
		}
	})
}

// Rows change places every two seconds; a key must act on the log that was chosen, and on the
// first one only as long as nobody has chosen any.
func TestChosenLogStaysChosen(t *testing.T) {
	t.Parallel()
	m := newView(busyNode(), 120, 30)
	press(m, "down", "down")
	chosen := m.rows[m.at].ID
	m.Update(again(m.sample, func(l *api.Log) { l.BytesPerSecond = -l.BytesPerSecond }))
	if got := m.rows[m.at].ID; got != chosen {
		t.Errorf("%s is chosen, was %s", got, chosen)
	}
	press(m, "5", "r", "2")
	if got := m.rows[m.at].ID; got != chosen {
		t.Errorf("after sorting %s is chosen, was %s", got, chosen)
	}
	press(m, "home")
	m.Update(again(m.sample, func(l *api.Log) {
		l.DiskBytes = new(int64(0))
		if l.Pod == "db-0" {
			l.DiskBytes = new(int64(1 << 40))
		}
	}))
	if got := m.rows[m.at].Pod; m.at != 0 || got != "db-0" {
		t.Errorf("row %d, %s, is what keys act on, and none was chosen", m.at, got)
	}
}

// A log that goes away, or that a filter leaves out, must not leave a choice that jumps from log
// to log.
func TestChoiceThatHasGone(t *testing.T) {
	t.Parallel()
	m := newView(busyNode(), 120, 30)
	press(m, "down", "down")
	gone, next := m.rows[2].ID, m.rows[3].ID
	s := m.sample
	s.logs = nil
	for _, l := range m.sample.logs {
		if l.ID != gone {
			s.logs = append(s.logs, l)
		}
	}
	m.Update(answered{sample: s, at: noon()})
	if m.rows[m.at].ID != next || m.chosen != next {
		t.Errorf("%s is chosen, and %s is in the place of the one that has gone", m.chosen, next)
	}
	press(m, "/", "e", "n", "v", "o", "y", "enter")
	if len(m.rows) != 1 || m.at != 0 || m.chosen != "" {
		t.Errorf("row %d of %d is chosen, ID %q", m.at, len(m.rows), m.chosen)
	}
}

// The answer to the question would rotate another log if it went by the row.
func TestRotationIsOfTheLogThatWasNamed(t *testing.T) {
	t.Parallel()
	var asked []string
	m := newView(busyNode(), 120, 30)
	m.rotate = func(id, _ string) tea.Cmd { asked = append(asked, id); return nil }
	wanted := m.rows[0]
	press(m, "R")
	if !strings.Contains(text(m), "Rotate batch/reindex-28961-4kq7d/worker now? y/n") {
		t.Fatalf("it does not ask which log it would rotate:\n%s", text(m))
	}
	m.Update(again(m.sample, func(l *api.Log) { l.BytesPerSecond = -l.BytesPerSecond }))
	if m.rows[0].ID == wanted.ID {
		t.Fatal("the rows have not changed places")
	}
	press(m, "y")
	if len(asked) != 1 || asked[0] != wanted.ID {
		t.Errorf("rotated: %q, confirmed was %s", asked, wanted.ID)
	}
}

// A question that anything answers, or a second "y" in a hurry, would rotate what nobody wants
// rotated.
func TestOnlyYesRotates(t *testing.T) {
	t.Parallel()
	m := newView(busyNode(), 120, 30)
	rotations := 0
	m.rotate = func(string, string) tea.Cmd { rotations++; return nil }
	press(m, "y", "R", "n", "y", "R", "enter", "R", "esc", "y", "?", "R", "y")
	if rotations != 0 {
		t.Errorf("rotated %d times without a yes", rotations)
	}
	press(m, "esc", "R", "y", "y")
	if rotations != 1 {
		t.Errorf("rotated %d times with one", rotations)
	}
	press(m, "end")
	for m.rows[m.at].Managed {
		press(m, "up")
	}
	press(m, "R")
	if rotations != 1 || !strings.Contains(text(m), "! legacy/billing-0/app is not managed and cannot be rotated") {
		t.Errorf("a log that is not managed: rotated %d times:\n%s", rotations, text(m))
	}
}

// What came of it has to be told, whichever it is.
func TestRotationIsTold(t *testing.T) {
	t.Parallel()
	m := newView(busyNode(), 120, 30)
	for _, c := range []struct {
		what rotated
		want string
	}{
		{rotated{name: "a/b/c", result: api.RotateResult{Rotated: true, Bytes: 5 << 20, File: "0.log.x"}}, "Rotated a/b/c: 5Mi to 0.log.x"},
		{rotated{name: "a/b/c", result: api.RotateResult{Reason: "it is empty"}}, "! a/b/c was not rotated: it is empty"},
		{rotated{name: "a/b/c", err: errors.New("no\x1b[2Jway")}, "! a/b/c could not be rotated: no^[[2Jway"},
	} {
		m.Update(c.what)
		if !strings.Contains(text(m), c.want) {
			t.Errorf("%q is not told:\n%s", c.want, text(m))
		}
	}
}

// A view that goes blank when the daemon restarts, or that shows old figures as if they were
// new, is of no use to whoever looks why it restarts.
func TestDaemonGoesAndComesBack(t *testing.T) {
	t.Parallel()
	m := newView(busyNode(), 120, 30)
	m.Update(answered{err: errors.New("connection refused"), at: noon().Add(2 * time.Second)})
	m.Update(ticked(noon().Add(7 * time.Second)))
	for _, want := range []string{"! No answer for 5s; shown is what was last", "! connection refused", "reindex-28961-4kq7d"} {
		if !strings.Contains(text(m), want) {
			t.Errorf("%q is not shown:\n%s", want, text(m))
		}
	}
	press(m, "enter")
	if !strings.Contains(text(m), "! No answer for 5s") {
		t.Errorf("the details look as if they were of now:\n%s", text(m))
	}
	press(m, "esc")
	m.Update(answered{sample: busyNode(), at: noon().Add(9 * time.Second)})
	if strings.Contains(text(m), "No answer") {
		t.Errorf("it is back:\n%s", text(m))
	}
}

// What is paused must hold still, and go on from what is then.
func TestPause(t *testing.T) {
	t.Parallel()
	m := newView(busyNode(), 120, 30)
	press(m, "space")
	before := text(m)
	m.Update(again(m.sample, func(l *api.Log) { l.BytesPerSecond = 77 }))
	if now := text(m); now != before || !strings.Contains(now, "PAUSED") {
		t.Errorf("it did not hold still:\n%s\n%s", before, now)
	}
	if press(m, "space") == nil {
		t.Error("it does not look when it goes on")
	}
	m.Update(again(m.sample, func(l *api.Log) { l.BytesPerSecond = 77 }))
	if now := text(m); strings.Contains(now, "PAUSED") || !strings.Contains(now, "77/s") {
		t.Errorf("it did not go on:\n%s", now)
	}
}

// The row that keys act on has to be seen, wherever the keys lead in whichever terminal.
func TestChosenRowIsOnTheScreen(t *testing.T) {
	t.Parallel()
	many := busyNode()
	for len(many.logs) < 500 {
		many.logs = append(many.logs, busyNode().logs...)
	}
	for i := range many.logs {
		many.logs[i].ID = strings.Repeat("f", 60) + string(rune('a'+i%26)) + string(rune('a'+i/26))
	}
	rapid.Check(t, func(t *rapid.T) {
		m := newView(many, 100, rapid.IntRange(4, 50).Draw(t, "height"))
		for range 20 {
			switch key := rapid.SampledFrom([]string{"up", "down", "pgup", "pgdown", "home", "end", "2", "resize"}).Draw(t, "key"); key {
			case "resize":
				m.Update(tea.WindowSizeMsg{Width: 100, Height: rapid.IntRange(4, 50).Draw(t, "height")})
			default:
				press(m, key)
			}
			chosen := 0
			for _, l := range m.screen() {
				if l.chosen && strings.HasPrefix(l.String(), "▸") {
					chosen++
				}
			}
			if chosen != 1 {
				t.Fatalf("%d chosen rows are on the screen:\n%s", chosen, text(m))
			}
			if shown := m.layout().rows; m.first > 0 && m.first+shown > len(m.rows) {
				t.Fatalf("there is room below the last row while rows above are hidden: from %d on %d", m.first, shown)
			}
		}
	})
}

// While an expression is typed it is none for a moment; rows must not vanish for it, and the
// filter from before must come back with esc.
func TestFilterWhileItIsTyped(t *testing.T) {
	t.Parallel()
	m := newView(busyNode(), 120, 30)
	press(m, "/", "w", "e", "b", "-", "(")
	if !strings.Contains(text(m), "no expression, searched for as it stands") {
		t.Errorf("it does not say so:\n%s", text(m))
	}
	press(m, "backspace")
	if len(m.rows) != 2 {
		t.Errorf("%d rows for web-", len(m.rows))
	}
	press(m, "enter", "/", "x", "esc")
	if m.filter.text != "web-" || len(m.rows) != 2 {
		t.Errorf("filter %q with %d rows, was web- with 2", m.filter.text, len(m.rows))
	}
	if quit := press(m, "/", "q"); quit != nil {
		t.Error("a letter of a filter was taken for a key")
	}
	m.Update(tea.PasteMsg{Content: strings.Repeat("x", maxFilter+1)})
	if len(m.filter.text) > maxFilter {
		t.Errorf("a filter of %d bytes", len(m.filter.text))
	}
	press(m, "esc", "esc")
	if len(m.rows) != len(m.sample.logs) {
		t.Errorf("%d rows of %d without a filter", len(m.rows), len(m.sample.logs))
	}
}
