package top

import (
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// FuzzHarmless looks for text of a stranger that would act on the terminal, or that takes
// another place than it is given.
func FuzzHarmless(f *testing.F) {
	for _, seed := range []string{"web-7d4b9c", "\x1b[2J", "\u202etxt.exe", "e\u0301", "日本", "\xff", "a\tb\n", "🇩🇪🇫🇷", "👩‍👧", "🏿", "\u00ad"} {
		f.Add(seed, 8)
	}
	f.Fuzz(func(t *testing.T, text string, cells int) {
		shown := harmless(text)
		for _, r := range shown {
			if r != ' ' && (!unicode.IsGraphic(r) || unicode.IsSpace(r) || unicode.IsMark(r)) {
				t.Errorf("%q shows %q", text, r)
			}
		}
		if harmless(shown) != shown {
			t.Errorf("%q becomes %q, and that %q", text, shown, harmless(shown))
		}
		if width("["+shown+"]") != width(shown)+2 {
			t.Errorf("%q moves what is beside it", shown)
		}
		cells = min(max(cells, 0), 300)
		wrapped := wrap(shown, cells)
		if joined := strings.Join(wrapped, ""); cells > 1 && joined != shown {
			t.Errorf("%q in %d cells becomes %q", shown, cells, joined)
		}
		for _, cut := range append(wrapped, shorten(shown, cells), squeeze(shown, cells)) {
			if width(cut) > cells {
				t.Errorf("%q takes %d cells of %d", cut, width(cut), cells)
			}
		}
	})
}

// FuzzFilter looks for a text that makes a filter fail, or find what is not there.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"", "web", "^shop/", "(", "[", `\`, "a{1000}", "(?s).", "00000", "*"} {
		f.Add("shop", seed)
	}
	logs := busyNode().logs
	f.Fuzz(func(t *testing.T, namespace, text string) {
		chosen := NewFilter(namespace, text).choose(logs)
		if len(chosen) > len(logs) {
			t.Errorf("%d logs of %d", len(chosen), len(logs))
		}
		for _, l := range chosen {
			if namespace != "" && l.Namespace != namespace {
				t.Errorf("namespace %q shows one of %q", namespace, l.Namespace)
			}
		}
		if _, err := ParseFilter(namespace, text); err == nil && NewFilter(namespace, text).pattern == nil {
			t.Errorf("%q is an expression for one and none for the other", text)
		}
	})
}

// What is searched for has to be found, and nothing else.
func TestFilter(t *testing.T) {
	t.Parallel()
	log := api.Log{ID: "c0ffee1234", Namespace: "shop", Pod: "Web-7d4b", Container: "nginx"}
	for _, c := range []struct {
		namespace, text string
		want            bool
	}{
		{"", "", true},
		{"shop", "", true},
		{"sho", "", false},
		{"", "web", true},
		{"", "WEB.*NGINX$", true},
		{"", "^web", false},
		{"", "^shop/web", true},
		{"", "c0ffee", true},
		{"", "ffee", false},
		{"", "web-(", false}, // as it stands
		{"", "envoy", false},
		{"batch", "web", false},
	} {
		if got := NewFilter(c.namespace, c.text).shows(log); got != c.want {
			t.Errorf("namespace %q, text %q: shown %t", c.namespace, c.text, got)
		}
	}
	if _, err := ParseFilter("", "web-("); err == nil || !strings.Contains(err.Error(), `"web-("`) {
		t.Errorf("an expression that is none: %v", err)
	}
}

// A figure that does not fit its column, or that is off by a unit, misleads.
func TestFigures(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		if n := rapid.Int64().Draw(t, "n"); strings.ReplaceAll(number(n), ",", "") != strconv.FormatInt(n, 10) {
			t.Fatalf("%d: %s", n, number(n))
		}
	})
	for d, want := range map[time.Duration]string{
		0: "0s", 59 * time.Second: "59s", time.Minute: "1m", 9*time.Hour + 5*time.Minute: "9h05m", 23 * time.Hour: "23h", 30 * time.Hour: "1d6h", 400 * 24 * time.Hour: "400d",
	} {
		if got := span(d); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := number(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
