package main

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/cri-logshim/cri-logshim/terminal"
)

// Names of others stand in what is printed, perhaps on a terminal: nothing there acts on it, and a
// program reads them as they are.
func TestOutputIsHarmless(t *testing.T) {
	name := "web\x1b]0;owned\a\u009b2J\u0085\x7f\u202eabc\u2028"
	for _, format := range []string{outputJSON, outputYAML} {
		var out strings.Builder
		o := &output{format: format}
		if err := o.print(&out, map[string][]string{"name": {name}}, nil); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(out.String(), func(char rune) bool { return char != '\n' && terminal.Steers(char) }) {
			t.Errorf("%s prints %q", format, out.String())
		}
		var got map[string][]string
		if err := yaml.Unmarshal([]byte(out.String()), &got); err != nil || got["name"][0] != name { // JSON is YAML
			t.Errorf("%s is read as %q, %v", format, got, err)
		}
	}
}
