package top

import (
	"strings"
	"testing"
	"time"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// anyText draws text as it may come from a stranger.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-z0-9.-]{0,60}`),
		rapid.String(),
		rapid.SampledFrom([]string{
			"", "\x1b[2J\x1b[31mred", "\x1b]0;title\x07", "\u202eright to left", "a\nb\r\tc", "\x9b31m", "\xff\xfe",
			"e\u0301\u0301\u0301", "日本語のとても長い名前です", "👩‍👩‍👧‍👦", "\u200b\u200d\ufeff", "🇩🇪🇫🇷", strings.Repeat("x", 10_000), "각",
		}),
	)
}

func anyFigure() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64(), rapid.Int64Range(0, 1<<34), rapid.Just(int64(0)))
}

func anyFigurePointer() *rapid.Generator[*int64] { return rapid.Ptr(anyFigure(), true) }

func anyTime() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		return noon().Add(time.Duration(rapid.Int64Range(-1<<60, 1<<60).Draw(t, "away")))
	})
}

func anyLog() *rapid.Generator[api.Log] {
	return rapid.Custom(func(t *rapid.T) api.Log {
		return api.Log{
			ID: anyText().Draw(t, "id"), Namespace: anyText().Draw(t, "namespace"), Pod: anyText().Draw(t, "pod"),
			Container: anyText().Draw(t, "container"), State: anyText().Draw(t, "state"), Path: anyText().Draw(t, "path"),
			Managed: rapid.Bool().Draw(t, "managed"), NotManaged: anyText().Draw(t, "why"), Elsewhere: rapid.Bool().Draw(t, "elsewhere"),
			CurrentBytes: anyFigurePointer().Draw(t, "current"), DiskBytes: anyFigurePointer().Draw(t, "disk"),
			Files: rapid.Ptr(rapid.Int(), true).Draw(t, "files"), BytesPerSecond: anyFigure().Draw(t, "rate"),
			BytesWritten: anyFigure().Draw(t, "written"), Rotations: anyFigure().Draw(t, "rotations"),
			LastRotation: rapid.Ptr(anyTime(), true).Draw(t, "last rotation"), LastWrite: rapid.Ptr(anyTime(), true).Draw(t, "last write"),
			Overshoot: rapid.Float64().Draw(t, "overshoot"), CompressionRatio: rapid.Float64().Draw(t, "ratio"),
			Policy: api.Policy{
				MaxSize: anyFigure().Draw(t, "maxSize"), MaxFiles: rapid.Int().Draw(t, "maxFiles"), MaxTotalSize: anyFigure().Draw(t, "maxTotalSize"),
				MaxAge: rapid.Float64().Draw(t, "maxAge"), Compression: anyText().Draw(t, "compression"), KeepAfterRemoval: rapid.Float64().Draw(t, "keep"),
			},
			LastError: anyText().Draw(t, "error"),
		}
	})
}

func anySample() *rapid.Generator[sample] {
	return rapid.Custom(func(t *rapid.T) sample {
		return sample{
			node: api.Node{
				Time: anyTime().Draw(t, "time"), Host: anyText().Draw(t, "host"), Version: anyText().Draw(t, "version"), Mode: anyText().Draw(t, "mode"),
				Started: anyTime().Draw(t, "started"),
				Runtime: api.Runtime{Name: anyText().Draw(t, "runtime"), Version: anyText().Draw(t, "runtime version"), State: anyText().Draw(t, "state")},
				Kubelet: api.Kubelet{Rotates: rapid.Bool().Draw(t, "kubelet rotates")},
				Logs:    rapid.Int().Draw(t, "logs"), Active: rapid.Int().Draw(t, "active"), Elsewhere: rapid.Int().Draw(t, "elsewhere"),
				BytesPerSecond: anyFigure().Draw(t, "rate"), Rotations: anyFigure().Draw(t, "rotations"),
				Disk: api.Disk{
					LogBytes: anyFigurePointer().Draw(t, "log bytes"), KeptBytes: anyFigurePointer().Draw(t, "kept bytes"),
					MaxBytes: anyFigurePointer().Draw(t, "max bytes"), FreeBytes: anyFigurePointer().Draw(t, "free bytes"),
					MinFreeBytes: anyFigurePointer().Draw(t, "min free bytes"), FreeInodes: anyFigurePointer().Draw(t, "inodes"),
					MinFreeInodes: anyFigurePointer().Draw(t, "min inodes"), Pressure: anyText().Draw(t, "pressure"),
				},
				Readers: []api.Reader{{Name: anyText().Draw(t, "reader"), LagBytes: anyFigure().Draw(t, "lag")}},
				Reasons: rapid.SliceOfN(anyText(), 0, 6).Draw(t, "reasons"),
				Errors:  []api.Event{{Time: anyTime().Draw(t, "event"), Level: anyText().Draw(t, "level"), Message: anyText().Draw(t, "message"), Pod: anyText().Draw(t, "pod")}},
			},
			logs: rapid.SliceOfN(anyLog(), 0, 30).Draw(t, "logs"),
		}
	})
}

func anyKey() *rapid.Generator[tea.KeyPressMsg] {
	return rapid.Map(rapid.SampledFrom([]string{
		"up", "down", "pgup", "pgdown", "home", "end", "left", "right", "enter", "esc", "backspace", "space",
		"j", "k", "g", "G", "r", "s", "?", "/", "R", "y", "n", "1", "2", "3", "4", "5", "(", "日", "ctrl+u",
	}), keyPress)
}

// keyPress is the message of a key by its name.
func keyPress(name string) tea.KeyPressMsg {
	special := map[string]rune{
		"up": tea.KeyUp, "down": tea.KeyDown, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd,
		"left": tea.KeyLeft, "right": tea.KeyRight, "enter": tea.KeyEnter, "esc": tea.KeyEscape, "backspace": tea.KeyBackspace,
	}
	if code, is := special[name]; is {
		return tea.KeyPressMsg{Code: code}
	}
	if name == "space" {
		return tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}
	}
	if letter, is := strings.CutPrefix(name, "ctrl+"); is {
		return tea.KeyPressMsg{Code: []rune(letter)[0], Mod: tea.ModCtrl}
	}
	return tea.KeyPressMsg{Code: []rune(name)[0], Text: name}
}

// still is actions that do nothing; what they would have done a test does itself.
func still() actions {
	return actions{
		look:   func() answered { return answered{} },
		rotate: func(string, string) tea.Cmd { return nil },
		wait:   func(time.Duration) tea.Cmd { return nil },
	}
}

// newView is a view of a sample in a terminal of some size.
func newView(s sample, cells, height int) *model {
	m := newModel(Options{Interval: 2 * time.Second, Order: ByRate, Colour: true}, still())
	m.Update(tea.WindowSizeMsg{Width: cells, Height: height})
	m.Update(answered{sample: s, at: noon()})
	return m
}

// A screen that is wider or higher than the terminal breaks up in it, and one that has a control
// character of a stranger's in it does what that one says: neither happens, whatever is shown,
// in whichever terminal, after whichever keys.
func TestScreenStaysInItsTerminal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newView(anySample().Draw(t, "sample"), rapid.IntRange(0, 200).Draw(t, "cells"), rapid.IntRange(0, 60).Draw(t, "height"))
		m.painter = painter{colour: rapid.Bool().Draw(t, "colour"), ascii: rapid.Bool().Draw(t, "ASCII")}
		for range rapid.IntRange(0, 12).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0:
				m.Update(tea.WindowSizeMsg{Width: rapid.IntRange(0, 200).Draw(t, "cells"), Height: rapid.IntRange(0, 60).Draw(t, "height")})
			case 1:
				m.Update(answered{sample: anySample().Draw(t, "sample"), at: anyTime().Draw(t, "at")})
			case 2:
				m.Update(rotated{name: anyText().Draw(t, "name"), result: api.RotateResult{Reason: anyText().Draw(t, "reason")}})
			default:
				m.Update(anyKey().Draw(t, "key"))
			}
			checkScreen(t, m)
		}
		checkScreen(t, m)
	})
}

// checkScreen looks at the screen as a terminal would.
func checkScreen(t *rapid.T, m *model) {
	lines := strings.Split(m.View().Content, "\n")
	if m.height > 0 && len(lines) != m.height {
		t.Fatalf("%d lines in a terminal of %d", len(lines), m.height)
	}
	for _, l := range lines {
		if w := ansi.StringWidth(l); w > m.cells {
			t.Fatalf("a line takes %d cells of %d: %q", w, m.cells, l)
		}
		for _, r := range ansi.Strip(l) {
			if !unicode.IsPrint(r) || unicode.IsMark(r) || m.painter.ascii && r > '~' {
				t.Fatalf("%q is on the screen: %q", r, l)
			}
		}
		if strings.ContainsFunc(strings.ReplaceAll(l, "\x1b[", ""), unicode.IsControl) {
			t.Fatalf("something but looks acts on the terminal: %q", l)
		}
	}
}
