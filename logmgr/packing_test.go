package logmgr_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestKeptFileCannotBeCompressed: it stays and is tried less and less often, while the
// other files of the same pod are compressed; and so is it when it can be.
func TestKeptFileCannotBeCompressed(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.keeping(100*kib, 24*time.Hour)
		r.policy.CompressAfter = time.Hour
		r.start()
		c := r.run("app")
		r.rotate(c, 3)
		r.evict(c)
		stuck := filepath.Join(filepath.Dir(r.kept(c)), rotated(t, r.kept(c))[1])
		r.must(os.Mkdir(stuck+".gz.tmp", 0o700))
		r.must(os.WriteFile(filepath.Join(stuck+".gz.tmp", "in the way"), nil, 0o600))
		r.pass(13 * time.Hour)
		// After 1, 2, 4, 8, 16, 32, 60, 60, ... minutes, each in the next sweep.
		if n := r.metric("failures_total", "step", "compress"); n < 12 || n > 20 {
			t.Errorf("tried %v times in twelve hours", n)
		}
		if n := r.said("cannot compress"); n < 12 || n > 20 {
			t.Errorf("said %d times in twelve hours", n)
		}
		plain := func() (names []string) {
			for _, name := range append(rotated(t, r.kept(c)), filepath.Base(c.Path())) {
				if exists(filepath.Join(filepath.Dir(r.kept(c)), name)) && !strings.Contains(name, ".gz") {
					names = append(names, name)
				}
			}
			return names
		}
		if got := plain(); len(got) != 1 || got[0] != filepath.Base(stuck) {
			t.Errorf("%q are plain, not only %q", got, stuck)
		}
		r.must(os.RemoveAll(stuck + ".gz.tmp"))
		r.pass(time.Hour + 3*time.Minute)
		if got := plain(); len(got) != 0 {
			t.Errorf("%q are plain still", got)
		}
		r.wantKept(c)
	})
}
