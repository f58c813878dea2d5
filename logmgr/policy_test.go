package logmgr_test

import (
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

func policyOf(size int64, files int, c logfile.Compression, after time.Duration) logmgr.Policy {
	return logmgr.Policy{MaxSize: size, MaxFiles: files, Compression: c, CompressAfter: after}
}

// TestPolicyChange: a new policy holds for logs that are asleep and for those that
// are just being written.
func TestPolicyChange(t *testing.T) {
	for name, awake := range map[string]bool{"asleep": false, "awake": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.policy = policyOf(100*kib, 10, logfile.Plain, 0)
				r.start()
				c := r.run("app")
				r.rotate(c, 7)
				wait := func() {
					if !awake {
						r.pass(20 * time.Second)
						return
					}
					for range 200 { // never quiet, and far from any limit
						r.must(c.Print("stderr", 1, 20))
						r.pass(100 * time.Millisecond)
					}
				}
				wait()
				r.setPolicy(policyOf(100*kib, 5, logfile.Plain, 0))
				wait()
				if got := names(t, c.Path()); len(got) != 5 {
					t.Errorf("maxFiles 5 leaves %q", got)
				}
				r.setPolicy(policyOf(100*kib, 5, logfile.Gzip, time.Second))
				wait()
				if got := plain(t, c); len(got) != 1 {
					t.Errorf("after compression was turned on %q are plain", got)
				}
				r.setPolicy(policyOf(-1, 5, logfile.Gzip, time.Second))
				wait()
				reopens := c.Reopens()
				r.print(c, 1e6, time.Second)
				r.pass(time.Minute)
				if c.Reopens() != reopens {
					t.Error("rotated although rotation was turned off")
				}
				r.setPolicy(policyOf(100*kib, 5, logfile.Gzip, time.Second))
				wait()
				if c.Reopens() != reopens+1 {
					t.Errorf("%d rotations after rotation was turned on again", c.Reopens()-reopens)
				}
				r.setPolicy(policyOf(mib, 5, logfile.Gzip, time.Second))
				wait()
				r.print(c, 1e6, 500*time.Millisecond)
				if c.Reopens() != reopens+1 {
					t.Error("the higher limit does not hold")
				}
				r.newestLines(c)
			})
		})
	}
}

// TestPolicyChangeKeepsPlannedCompression: what waits for compressAfter still
// comes to it, also when the log is being written.
func TestPolicyChangeKeepsPlannedCompression(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy = policyOf(100*kib, 10, logfile.Gzip, 10*time.Second)
		r.start()
		c := r.run("app")
		r.rotate(c, 3)
		r.setPolicy(policyOf(100*kib, 9, logfile.Gzip, 10*time.Second))
		for range 300 {
			r.must(c.Print("stderr", 1, 20))
			r.pass(100 * time.Millisecond)
		}
		if got := plain(t, c); len(got) != 1 {
			t.Errorf("%q are plain", got)
		}
	})
}

// TestPolicyChangeDuringReopen: a reopen under way is not cut short by a change
// that has nothing to do with it.
func TestPolicyChangeDuringReopen(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		release := make(chan struct{})
		c.Script(runtimetest.Hang(release))
		r.must(c.Print("stdout", 1100, 1000))
		r.pass(time.Second)
		r.setPolicy(policyOf(200*kib, 10, logfile.Plain, 0))
		r.pass(30 * time.Second)
		if got := len(c.Asked()); got != 1 {
			t.Errorf("asked %d times although the first call is still under way", got)
		}
		close(release)
		r.pass(time.Second)
		r.print(c, 100e3, 3*time.Second)
		if got := c.Reopens(); got < 2 {
			t.Errorf("%d rotations, the new policy does not hold", got)
		}
		r.verify(c)
		r.inPlace(c)
	})
}
