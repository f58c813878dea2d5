package logmgr_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// TestClocks: whatever the clock does, the order is kept and nothing overwritten.
func TestClocks(t *testing.T) {
	start := time.Date(2026, 10, 25, 0, 59, 58, 0, time.UTC)
	n := 0
	for name, now := range map[string]func() time.Time{
		"stands still": func() time.Time { return start },
		"steps back once": func() time.Time {
			n++
			return start.Add(time.Duration(n%20)*time.Second - time.Duration(n/20)*time.Hour)
		},
		"runs backwards": func() time.Time { n++; return start.Add(-time.Duration(n) * time.Minute) },
		"before 1970":    func() time.Time { return time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC) },
		"is random":      func() time.Time { n++; return start.Add(time.Duration(n*7919%1000) * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				var mu sync.Mutex
				r.options.Now = func() time.Time {
					mu.Lock()
					defer mu.Unlock()
					return now()
				}
				r.policy = policyOf(50*kib, 1000, logfile.Gzip, 0)
				r.start()
				c := r.run("app")
				for range 4 {
					r.rotate(c, 10)
					r.stop()
					r.start()
					r.pass(time.Second)
				}
				if got := len(rotated(t, c.Path())); got != 40 && name != "before 1970" {
					t.Errorf("%d rotated files", got)
				}
				r.verify(c)
			})
		})
	}
}

// TestNeighboursAreLeftAlone: names that begin the same, or would match as a
// pattern, and files that are no business of ours.
func TestNeighboursAreLeftAlone(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy = policyOf(50*kib, 2, logfile.Gzip, 0)
		facts := r.facts("app")
		facts.Name, facts.LogPath = "a[pp]* x?", "a[pp]* x?/1.log"
		c := r.behind(facts)
		dir, beside := filepath.Dir(c.Path()), filepath.Dir(filepath.Dir(c.Path()))
		var others []string
		for _, name := range []string{
			"11.log", "11.log.20200101-000000.000000000", "1.log2", "1.log2.20200101-000000.000000000", "1.logs.tmp",
			"1.log.old", "1.log.20200101-000000.bak", "1.log.tmp", "x.gz.tmp", "01.log", "1.log.20200101-0000000", "21.log.20200101-000000.gz",
		} {
			others = append(others, filepath.Join(dir, name))
		}
		for _, name := range []string{"app/1.log.20200101-000000.000000000", "a[pp]* x?-2/1.log.20200101-000000.000000000", "ap x?/1.log"} {
			r.must(os.MkdirAll(filepath.Dir(filepath.Join(beside, name)), 0o755))
			others = append(others, filepath.Join(beside, name))
		}
		for _, path := range others {
			r.must(os.WriteFile(path, []byte("not yours "+path), 0o600))
		}
		r.start()
		r.pass(time.Second)
		r.rotate(c, 6)
		r.pass(time.Minute)
		for _, path := range others {
			if content, err := os.ReadFile(path); err != nil || !bytes.Equal(content, []byte("not yours "+path)) {
				t.Errorf("%q: %v", path, err)
			}
		}
		if got := len(rotated(t, c.Path())); got != 1+2 { // two of the neighbours begin like that
			t.Errorf("files: %q", names(t, c.Path()))
		}
		if c.Reopens() != 6 {
			t.Errorf("%d rotations", c.Reopens())
		}
	})
}

// TestErrorsOfOneLogHoldUpNoOther: sixty containers in trouble, and one that is not.
func TestErrorsOfOneLogHoldUpNoOther(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		good := r.run("good")
		for i := range 60 {
			c := r.run(fmt.Sprint("bad", i))
			switch i % 3 {
			case 0:
				hang := make(chan struct{})
				for range 5 {
					c.Script(runtimetest.Hang(hang))
				}
			case 1:
				for range 100 {
					c.Script(runtimetest.Refuse())
				}
			case 2:
				r.must(os.RemoveAll(filepath.Dir(c.Path())))
			}
			r.must(c.Print("stdout", 1100, 1000))
		}
		r.pass(time.Second)
		r.print(good, 10e6, 2*time.Second)
		r.verify(good)
		r.inPlace(good)
		checkBound(r, good, 15)
	})
}
