package nodelogs

import (
	"strings"
	"testing"
)

// Whatever a page holds, no name leads out of its directory.
func FuzzListing(f *testing.F) {
	f.Add("<pre>\n<a href=\"a%20b/\">a b/</a>\n<a href=\"./a:b\">a:b</a></pre>")
	f.Add("<pre><a href=\"../x\">x</a><a href=\"%2e%2e\">y</a><a href=\"a%2fb\">z</a>")
	f.Fuzz(func(t *testing.T, page string) {
		entries, err := parseListing(strings.NewReader(page))
		for _, e := range entries {
			if err != nil || e.Name == "." || e.Name == ".." || e.Name == "" || strings.ContainsAny(e.Name, "/\x00") {
				t.Errorf("%+v, %v", e, err)
			}
		}
	})
}

// A name that is understood is made of what was understood of it.
func FuzzFileName(f *testing.F) {
	for _, name := range []string{"0.log", "12.log.20260101-000000", "0.log.20260101-000000.000000001.gz", "0.log.20260101-000000.zst", "00.log", "0.log."} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		file, ok, _ := fileOf(name)
		if !ok {
			return
		}
		end := file.Compression.Suffix()
		if file.Name != name || !file.Current() && file.Key+end != name || file.Current() && (file.Key != "" || end != "") {
			t.Errorf("%q is understood as %+v", name, file)
		}
	})
}

// A part that a server names is within its file.
func FuzzContentRange(f *testing.F) {
	for _, text := range []string{"bytes 5-9/100", "bytes */100", "bytes 5-9/*", "bytes 9-5/100", "bytes 0-100/100", "bytes -1-5/10"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, size, err := parseContentRange(text)
		if err == nil && (first < -1 || size < 0 || first >= 0 && first >= size) {
			t.Errorf("%q is byte %d of %d", text, first, size)
		}
	})
}
