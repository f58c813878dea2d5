package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cri-logshim/cri-logshim/config"
)

// FuzzParse holds that no file makes Parse panic, that every fault is one
// line with the file's name, and that what is accepted is valid and written
// back as a file that says the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "---\n", head, head + "rotation: {maxSize: 100m, maxFiles: 3, compression: zstd}\n",
		head + "rotation: {maxSize: -1, maxFilesUnread: 5, compressAfter: 1h1ns}\n",
		head + "admin: {listen: '', metrics: '[::1]:9465'}\nlinks: {legacyDir: ''}\n",
		head + "policies: &p\n- *p\nnode: {minFree: 12.5%}\nfiles: {mode: 0640}\n",
		head + "policies: [{match: {podLabels: {a: b}}, rotation: {maxSize: 1Gi}}]\n",
		head + "rotation: {maxSize: 1e999999999}", "a: b\n---\nc: d\n", "? [a]\n: b\n", "<<: {a: b}\n", "\x00", "{{{{", "!!binary x",
		head + "\"a\\nb\": c\nlisten: \"unix:///x\\ny\"\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, _, err := config.Parse("c.yaml", data)
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "c.yaml:") {
					t.Errorf("line %q is not a fault of its own", line)
				}
			}
			return
		}
		if err := c.Validate(); err != nil {
			t.Errorf("accepted, but: %v", err)
		}
		text, err := c.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := config.Parse("again.yaml", text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if diff := cmp.Diff(c, again); diff != "" {
			t.Errorf("written back differently (-first +again):\n%s", diff)
		}
	})
}
