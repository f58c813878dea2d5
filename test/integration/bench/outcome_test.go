package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// Lines that went with the oldest files are not lost, and lines that miss between others
// are, though both are missing.
func TestOutcomeTellsLostFromRemoved(t *testing.T) {
	for _, test := range []struct {
		older, newer  string // the numbers of the lines in the rotated file and in the current one
		removed, lost uint64
	}{
		{"1 2 3", "4 5", 0, 0},
		{"3 4", "5", 2, 0},
		{"3", "5", 2, 1},
		{"1", "5", 0, 3},
		{"2 3", "", 1, 2},
	} {
		log := filepath.Join(t.TempDir(), "0.log")
		for name, numbers := range map[string]string{log + ".20260102-030405.000000001": test.older, log: test.newer + " done"} {
			var text strings.Builder
			for number := range strings.FieldsSeq(numbers) {
				if number == "done" {
					number += " 5"
				}
				fmt.Fprintf(&text, "t stdout F stdout %s\n", number)
			}
			if err := os.WriteFile(name, []byte(text.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		lines, err := testbed.Verify(log)
		if err != nil {
			t.Fatal(err)
		}
		o := newOutcome(lines, dirSeen{}, time.Second)
		if o.Written != 5 || o.Removed != test.removed || o.Lost != test.lost {
			t.Errorf("of %q and %q: written %d, removed %d, lost %d; want 5, %d, %d",
				test.older, test.newer, o.Written, o.Removed, o.Lost, test.removed, test.lost)
		}
	}
}

// A look adds up what all files take on disk, and knows the current one.
func TestDirSeenKeepsTheMost(t *testing.T) {
	log := filepath.Join(t.TempDir(), "0.log")
	write := func(name string, size int) {
		if err := os.WriteFile(name, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(log, 300)
	write(log+".1", 70_000)
	var seen dirSeen
	if err := seen.look(log); err != nil {
		t.Fatal(err)
	}
	most := seen.disk
	if most < 70_300 || most > 140_000 || seen.current != 300 {
		t.Errorf("%+v", seen)
	}
	if err := os.Remove(log + ".1"); err != nil {
		t.Fatal(err)
	}
	write(log, 100)
	if err := seen.look(log); err != nil {
		t.Fatal(err)
	}
	if seen.disk != most || seen.current != 300 {
		t.Errorf("%+v after a smaller look", seen)
	}
}
