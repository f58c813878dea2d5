package terminal

import (
	"bytes"
	"encoding/json"
	"testing"
)

// A name in JSON does nothing to a terminal, and is the same name to a program.
func FuzzHarmlessJSON(f *testing.F) {
	for _, seed := range []string{"web-0", "\x1b]0;owned\a", "\u009b2J", "\u202eabc\u2028\x7f", "früh \xff \\u009b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for _, indent := range []string{"", "  "} {
			plain, err := json.MarshalIndent(map[string]string{"name": name}, "", indent)
			if err != nil {
				t.Fatal(err)
			}
			shown := HarmlessJSON(plain)
			if at := bytes.IndexFunc(shown, func(char rune) bool { return char != '\n' && char != '\ufffd' && acted(char) }); at >= 0 {
				t.Fatalf("%q is shown as %q", name, shown)
			}
			var before, after map[string]string
			if err := json.Unmarshal(plain, &before); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(shown, &after); err != nil || after["name"] != before["name"] {
				t.Fatalf("%q becomes %q, %v", before, after, err)
			}
		}
	})
}
