package dockertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Records are spelled as Docker 20.10 spells them.
func TestRecord(t *testing.T) {
	at := time.Date(2026, 1, 2, 4, 4, 5, 600, time.FixedZone("", 3600))
	const tail = `"stream":"stderr","time":"2026-01-02T03:04:05.0000006Z"}` + "\n"
	for text, want := range map[string]string{
		"plain\n":               `{"log":"plain\n",`,
		"part":                  `{"log":"part",`,
		"":                      `{`,
		"\"a\\b\"\r\n":          `{"log":"\"a\\b\"\r\n",`,
		"\t\b\x00\x1b[0m\x7f":   `{"log":"\u0009\u0008\u0000\u001b[0m` + "\x7f" + `",`,
		"<a>&\u2028\u2029":      `{"log":"\u003ca\u003e\u0026\u2028\u2029",`,
		"früh\xff\xc3 \ufffd 😀": `{"log":"früh\ufffd\ufffd ` + "\ufffd 😀" + `",`,
	} {
		if got := string(appendRecord(nil, "stderr", []byte(text), at)); got != want+tail {
			t.Errorf("%q is written as %s, want %s%s", text, got, want, tail)
		}
	}
}

// Docker keeps as many files as it was told, none much longer than it was told.
func TestRotation(t *testing.T) {
	for name, test := range map[string]struct {
		options map[string]string
		want    []string
	}{
		"never":      {nil, []string{"log"}},
		"one":        {map[string]string{"max-size": "1k"}, []string{"log", "log.1"}}, // 20.10 keeps one more than it says
		"three":      {map[string]string{"max-size": "1k", "max-file": "3"}, []string{"log", "log.1", "log.2"}},
		"compressed": {map[string]string{"max-size": "1k", "max-file": "4", "compress": "true"}, []string{"log", "log.1.gz", "log.2.gz", "log.3.gz"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l, err := openJSONFile(filepath.Join(dir, "log"), test.options)
			if err != nil {
				t.Fatal(err)
			}
			for range 100 {
				if err := l.write("stdout", []byte(strings.Repeat("x", 99)+"\n"), time.Now()); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.close(); err != nil {
				t.Fatal(err)
			}
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range entries {
				got = append(got, e.Name())
				if info, err := e.Info(); err != nil || test.options != nil && info.Size() > 1200 {
					t.Errorf("%s has %d bytes, %v", e.Name(), info.Size(), err)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("other files (- want, + got):\n%s", diff)
			}
		})
	}
}
