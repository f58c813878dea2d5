package logreader_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// Whatever is in a log's files, reading ends, from the beginning as from the end, and of the
// lines that are whole the last ones are those of all.
func FuzzFiles(f *testing.F) {
	record := "2026-01-31T12:00:00Z stdout F text\n"
	f.Add([]byte(record+record), []byte(record), 1)
	f.Add([]byte("2026-01-31T12:00:00Z stdout P te"), []byte("xt\n"+record), 2)
	f.Add([]byte(`{"log":"a\n","stream":"stdout","time":"2026-01-31T12:00:00Z"}`+"\n"), []byte("\x00\x00 "+record), 3)
	f.Add([]byte("\n\n\n"), bytes.Repeat([]byte{0}, 40_000), 1)
	f.Add([]byte(record), []byte("\x1f\x8b\x08"), 1)
	f.Fuzz(func(t *testing.T, first, second []byte, tail int) {
		m := &memory{}
		m.add(logreader.File{Rotated: began}, bytes.NewReader(first), int64(len(first)))
		m.add(logreader.File{Rotated: began.Add(1), Compression: []logreader.Compression{logreader.Plain, logreader.Gzip, logreader.Zstd}[len(second)%3]}, bytes.NewReader(second), int64(len(second)))
		m.add(logreader.File{}, bytes.NewReader(second), int64(len(second)))
		all, _ := read(t, m, logreader.Options{Tail: logreader.All})
		tail = max(tail%10, -tail%10)
		last, _ := read(t, m, logreader.Options{Tail: int64(tail)})
		if whole := len(last) - strings.Count(strings.Join(last, ""), "…"); whole > len(all) {
			t.Errorf("the last %d lines are %d, of %d", tail, whole, len(all))
		}
		if tail > 0 && len(all) > 0 && len(last) == 0 && !strings.Contains(strings.Join(all, ""), "…") {
			t.Errorf("of %d lines the last %d are none", len(all), tail)
		}
	})
}

// Whatever a directory is called, what is taken for a pod's has its three parts.
func FuzzPod(f *testing.F) {
	f.Add("shop_web-0_8f2c")
	f.Add("__")
	f.Fuzz(func(t *testing.T, name string) {
		p, ok := logreader.ParsePod(name)
		if ok && (p.Namespace == "" || p.Name == "" || p.UID == "" || p.Directory() != name) {
			t.Errorf("%q is taken for %+v", name, p)
		}
	})
}
