package testbed

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// Verify finds each kind of damage, wherever in a log's files it lies.
func TestVerifyFindsDamage(t *testing.T) {
	const (
		first  = "0.log.20260102-030405.000000001"
		second = "0.log.20260102-030405.000000002"
	)
	for _, test := range []struct {
		name  string
		files map[string]string // their lines' contents on stdout, with "|" between them
		want  StreamVerification
	}{
		{
			"nothing",
			map[string]string{"0.log": "1|2|3|done 3"},
			StreamVerification{Written: 3, Ended: true, Found: 3},
		},
		{
			"nothing, in files of every kind",
			map[string]string{first + ".gz": "1|2", second + ".zst": "3", "0.log.20260102-030406.000000000": "4", "0.log": "5|done 5"},
			StreamVerification{Written: 5, Ended: true, Found: 5},
		},
		{
			"a temporary file, and logs with similar names",
			map[string]string{first: "1", first + ".gz.tmp": "1", "10.log": "1", "0.logs": "1", "0.log": "done 1"},
			StreamVerification{Written: 1, Ended: true, Found: 1},
		},
		{
			"a line between two files is lost",
			map[string]string{first: "1|2", "0.log": "4|5|done 5"},
			StreamVerification{Written: 5, Ended: true, Found: 4, Lost: 1, FirstLost: 3},
		},
		{
			"the first lines are lost",
			map[string]string{"0.log": "3|done 3"},
			StreamVerification{Written: 3, Ended: true, Found: 1, Lost: 2, FirstLost: 1, FirstFound: 3},
		},
		{
			"the first lines are lost, and one in the middle",
			map[string]string{"0.log": "3|5|done 5"},
			StreamVerification{Written: 5, Ended: true, Found: 2, Lost: 3, FirstLost: 1, FirstFound: 3},
		},
		{
			"the first lines are lost, and the beginning of the next",
			map[string]string{"0.log": "xxx|3|done 3"},
			StreamVerification{Written: 3, Ended: true, Found: 1, Lost: 2, FirstLost: 1, FirstFound: 3, Cut: true},
		},
		{
			"lines before the last are lost",
			map[string]string{first: "1", "0.log": "done 70"},
			StreamVerification{Written: 70, Ended: true, Found: 1, Lost: 69, FirstLost: 2},
		},
		{
			"the writer's last line is lost",
			map[string]string{"0.log": "1|2"},
			StreamVerification{Written: 2, Found: 2},
		},
		{
			"a file is there twice",
			map[string]string{first: "1|2", first + ".gz": "1|2", "0.log": "done 2"},
			StreamVerification{Written: 2, Ended: true, Found: 2, Duplicated: 2},
		},
		{
			"the last line is there twice",
			map[string]string{first: "1|done 1", "0.log": "done 1"},
			StreamVerification{Written: 1, Ended: true, Found: 1, Duplicated: 1},
		},
		{
			"two files have changed places",
			map[string]string{first: "3|4", second: "1|2", "0.log": "done 4"},
			StreamVerification{Written: 4, Ended: true, Found: 4, OutOfOrder: 2},
		},
		{
			"a line follows the last",
			map[string]string{first: "1|done 2", "0.log": "2"},
			StreamVerification{Written: 2, Ended: true, Found: 2, OutOfOrder: 1},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, lines := range test.files {
				writeLog(t, filepath.Join(dir, name), lines)
			}
			found, err := Verify(filepath.Join(dir, "0.log"))
			if err != nil {
				t.Fatal(err)
			}
			got := found.Streams["stdout"]
			if got.String() != test.want.String() {
				t.Errorf("\nfound %v\nwant  %v", got, &test.want)
			}
			whole := strings.HasPrefix(test.name, "nothing") || strings.HasPrefix(test.name, "a temporary")
			if err := found.Complete("stdout"); (err == nil) != whole {
				t.Errorf("Complete: %v", err)
			}
			if err := found.Complete("stdout", "stderr"); err == nil {
				t.Error("Complete misses no stderr")
			}
		})
	}
}

// What no runtime and no seqwriter wrote is an error, never a line that is passed over.
func TestVerifyRefusesForeignLines(t *testing.T) {
	for _, content := range []string{
		"",
		"\n",
		"2026-01-02T03:04:05Z stdout F\n",
		"2026-01-02T03:04:05Z stdout F stdout 1 x", // cut
		"2026-01-02T03:04:05Z stdout F stderr 1 x\n",
		"2026-01-02T03:04:05Z stdout F stdout 0 x\n",
		"2026-01-02T03:04:05Z stdout F stdout one x\n",
		"stdout 1 x\n",
		"t stdout F stdout 1 xxx\nt stdout F stdout 2 xx\nt stdout F stdout done 2\n",
		"2026-01-02T03:04:05Z stdout F stdout 1 x\n2026-01-02T03:04:05Z stdout F stdout done 1\n2026-", // cut behind the last
		strings.Repeat("\x00", 4096),
	} {
		log := filepath.Join(t.TempDir(), "0.log")
		if err := os.WriteFile(log, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := Verify(log)
		if err == nil {
			err = found.Complete("stdout")
		}
		if err == nil {
			t.Errorf("%q is taken for a whole log", content)
		}
	}
}

// What a runtime left of a line when it was killed is told from the whole lines around it,
// wherever the line ends and whatever comes next; of a log that is called complete there is none.
func TestVerifyCountsTornLines(t *testing.T) {
	const (
		first = "2026-01-02T03:04:05.1Z stdout F stdout 1 padding\n"
		torn  = "2026-01-02T03:04:05.2Z stdout F stdout 2 padding"
		third = "2026-01-02T03:04:06.3+01:00 stdout F stdout 3 padding\n"
		last  = "2026-01-02T03:04:06.4+01:00 stdout F stdout done 3\n"
	)
	for end := 1; end < len(torn); end++ {
		rotated := map[string]string{"0.log.20260102-030405.000000001": first + torn[:end], "0.log": third + last}
		for what, files := range map[string]map[string]string{
			"one file": {"0.log": first + torn[:end] + third + last}, "end of a rotated file": rotated,
		} {
			log := filepath.Join(t.TempDir(), "0.log")
			for name, content := range files {
				if err := os.WriteFile(filepath.Join(filepath.Dir(log), name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			found, err := Verify(log)
			if err != nil {
				t.Fatalf("%s, %q: %v", what, torn[:end], err)
			}
			counted := 1
			if what == "one file" && end <= strings.IndexByte(torn, ' ') {
				counted = 0 // it has become the beginning of the next line's time
			}
			if s := found.Streams["stdout"]; found.Torn != counted || s.Found != 2 || s.Lost != 1 || s.FirstLost != 2 || s.OutOfOrder > 0 {
				t.Errorf("%s, %q: %d torn, %v", what, torn[:end], found.Torn, s)
			}
			if found.Complete("stdout") == nil || found.CompleteSince("stdout") == nil {
				t.Errorf("%s, %q: is called complete", what, torn[:end])
			}
		}
	}
}

// A line that the runtime wrote in parts is one line, also when they lie in two files.
func TestVerifyJoinsParts(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"0.log.20260102-030405.000000001": "t stdout F stdout 1 xxxx\nt stdout P stdout 2\n",
		"0.log":                           "t stderr F stderr 1 x\nt stdout P 3 x\nt stdout F xx\nt stdout F stdout done 23\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := Verify(filepath.Join(dir, "0.log"))
	if err != nil {
		t.Fatal(err)
	}
	if got := found.Streams["stdout"]; got.Found != 2 || got.Lost != 21 || got.FirstLost != 2 {
		t.Error(got)
	}
}

// A file with a second name in another directory is read once; a copy of it, or what only the
// other directory has, is not passed over.
func TestVerifyTwoDirectories(t *testing.T) {
	const older, rotated = "0.log.20260102-030404.000000000", "0.log.20260102-030405.000000001"
	for name, test := range map[string]struct {
		second func(live, kept string) error
		found  uint64
		twice  uint64
	}{
		"a second name": {os.Link, 3, 0},
		"moved":         {os.Rename, 3, 0},
		"a copy":        {func(_, kept string) error { return writePlain(kept, "2|3") }, 3, 2},
		"another file":  {func(_, kept string) error { return writePlain(filepath.Dir(kept)+"/"+older, "1") }, 4, 0},
	} {
		t.Run(name, func(t *testing.T) {
			live, kept := t.TempDir(), t.TempDir()
			writeLog(t, filepath.Join(live, rotated), "2|3")
			writeLog(t, filepath.Join(live, "0.log"), "4|done 4")
			if err := test.second(filepath.Join(live, rotated), filepath.Join(kept, rotated)); err != nil {
				t.Fatal(err)
			}
			found, err := Verify(filepath.Join(live, "0.log"), filepath.Join(kept, "0.log"))
			if err != nil {
				t.Fatal(err)
			}
			if s := found.Streams["stdout"]; s.Found != test.found || s.Duplicated != test.twice || s.OutOfOrder != 0 {
				t.Error(s)
			}
		})
	}
}

// writePlain writes lines as writeLog does, but returns its error.
func writePlain(name, lines string) error { return os.WriteFile(name, linesOf(lines), 0o600) }

// linesOf are lines as a runtime writes those of a seqwriter's stdout.
func linesOf(lines string) []byte {
	var content bytes.Buffer
	for line := range strings.SplitSeq(lines, "|") {
		if !strings.HasPrefix(line, "done") {
			line += " padding"
		}
		content.WriteString("2026-01-02T03:04:05.123456789Z stdout F stdout " + line + "\n")
	}
	return content.Bytes()
}

// writeLog writes lines as a runtime writes those of a seqwriter's stdout, compressed as
// the name says.
func writeLog(t *testing.T, name, lines string) {
	t.Helper()
	content := linesOf(lines)
	var packed bytes.Buffer
	switch filepath.Ext(name) {
	case ".gz":
		w := gzip.NewWriter(&packed)
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	case ".zst":
		w, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		packed.Write(w.EncodeAll(content, nil))
	default:
		packed.Write(content)
	}
	if err := os.WriteFile(name, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
