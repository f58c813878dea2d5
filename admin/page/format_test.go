package page

import (
	"encoding/json"
	"os"
	"testing"
	"testing/quick"
	"time"
	"unicode/utf8"
)

// What stands in testdata/formats.json is what the script is tested with too: a value that reads
// otherwise with the script would be found on either side.
func TestFormats(t *testing.T) {
	text, err := os.ReadFile("testdata/formats.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Format string
		Value  json.RawMessage
		Text   string
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if got := formatted(t, c.Format, c.Value); got != c.Text {
			t.Errorf("%s of %s is %q, want %q", c.Format, c.Value, got, c.Text)
		}
	}
}

func formatted(t *testing.T, format string, value json.RawMessage) string {
	t.Helper()
	switch format {
	case "bytes":
		return formatBytes(decoded[*int64](t, value))
	case "count":
		return count(decoded[int64](t, value))
	case "span":
		return span(decoded[float64](t, value))
	case "plain":
		return plain(decoded[string](t, value))
	}
	t.Fatalf("no format %q", format)
	return ""
}

func decoded[T any](t *testing.T, text json.RawMessage) (value T) {
	t.Helper()
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestAgo(t *testing.T) {
	now := time.Date(2026, 11, 20, 3, 12, 0, 0, time.UTC)
	if got := ago(nil, now); got != "–" {
		t.Errorf("a time that is not known is %q ago", got)
	}
	if got := ago(new(now.Add(time.Second)), now); got != "0 s ago" {
		t.Errorf("a time to come is %q, want 0 s ago: the clocks of a file system and of a process may differ", got)
	}
	if got := when(now.Add(-time.Minute), now); got != "03:11:00" {
		t.Errorf("a time of the same day is %q", got)
	}
	if got := when(now.Add(-4*time.Hour), now); got != "11-19 23:12" {
		t.Errorf("a time of the day before is %q", got)
	}
}

// A share that is no number, or beyond 0 to 100, would be a bar beyond its frame.
func TestShareStaysWithinItsBar(t *testing.T) {
	within := func(part, whole int64) bool {
		s := share(&part, whole)
		return s >= 0 && s <= 100 && floor(&part, &whole) >= 0 && floor(&part, &whole) <= 100
	}
	if err := quick.Check(within, nil); err != nil {
		t.Error(err)
	}
	if share(nil, 1) != 0 || share(new(int64(1)), 0) != 0 || floor(new(int64(0)), new(int64(0))) != 0 {
		t.Error("what is not known, or has no bound, has a share")
	}
	if floor(new(int64(5)), new(int64(4))) != 100 {
		t.Error("a bound that is broken is not reached")
	}
}

func FuzzPlain(f *testing.F) {
	for _, s := range []string{"web-1", "a\u202eb", "\x1b[31m", "\xff\xfe", "\u2066\u2069"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		shown := plain(text)
		if !utf8.ValidString(shown) {
			t.Errorf("%q is shown as %q, which is no text", text, shown)
		}
		for _, r := range shown {
			if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
				t.Errorf("%q is shown as %q, with %U in it", text, shown, r)
			}
		}
		if plain(shown) != shown {
			t.Errorf("%q changes again", shown)
		}
	})
}
