package testbed

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Verify reads Docker's files where the log is a link, in Docker's order, with the pieces
// of a line in several files, and finds what is missing.
func TestVerifyDocker(t *testing.T) {
	files := map[string]string{
		"c-json.log.11": "stdout 01 x\n|stdout 02 ", "c-json.log.10.gz": "x\n|stdout 03 x\n",
		"c-json.log.2.gz": "stdout 11 x\n", "c-json.log.1": "stdout 12 x\n", "c-json.log.1.gz": "half of it", "c-json.log": "stdout 13 x\n|stdout done 13\n",
	}
	for number := 3; number < 10; number++ {
		files[fmt.Sprintf("c-json.log.%d", number)] = fmt.Sprintf("stdout %02d x\n", 13-number)
	}
	damage := map[string]func(files map[string]string){
		"a file of the middle":    func(f map[string]string) { delete(f, "c-json.log.5") },
		"the newest rotated":      func(f map[string]string) { delete(f, "c-json.log.1"); delete(f, "c-json.log.1.gz") },
		"the current one":         func(f map[string]string) { delete(f, "c-json.log") },
		"a piece":                 func(f map[string]string) { f["c-json.log.11"] = "stdout 01 x\n" },
		"what tells a line's end": func(f map[string]string) { f["c-json.log.1"] = "stdout 12 x" },
		"a line twice":            func(f map[string]string) { f["c-json.log.1"] = "stdout 12 x\n|stdout 12 x\n" },
	}
	if err := verifyDocker(t, files); err != nil {
		t.Errorf("undamaged: %v", err)
	}
	for name, do := range damage {
		damaged := maps.Clone(files)
		do(damaged)
		if verifyDocker(t, damaged) == nil {
			t.Errorf("%s: nobody has noticed", name)
		}
	}
}

// verifyDocker writes files, whose contents are the logs of records with "|" between them.
func verifyDocker(t *testing.T, files map[string]string) error {
	t.Helper()
	root, pod := t.TempDir(), t.TempDir()
	for name, contents := range files {
		var text bytes.Buffer
		for content := range strings.SplitSeq(contents, "|") {
			record, err := json.Marshal(map[string]string{"log": content, "stream": "stdout", "time": "2026-01-02T03:04:05.000000001Z"})
			if err != nil {
				t.Fatal(err)
			}
			text.Write(append(record, '\n'))
		}
		if strings.HasSuffix(name, ".gz") {
			var packed bytes.Buffer
			w := gzip.NewWriter(&packed)
			if _, err := w.Write(text.Bytes()); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			text = packed
		}
		if err := os.WriteFile(filepath.Join(root, name), text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log := filepath.Join(pod, "0.log")
	if err := os.Symlink(filepath.Join(root, "c-json.log"), log); err != nil {
		t.Fatal(err)
	}
	v, err := Verify(log)
	if err != nil {
		return err
	}
	return v.Complete("stdout")
}
