package logmgr_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// TestReadersCostNothingWithoutWork: nobody is looked for unless a file is to be
// compressed or removed, and not at all if readers do not come first.
func TestReadersCostNothingWithoutWork(t *testing.T) {
	withReaders(t, func(t *testing.T, r *rig, crowd *crowd) {
		r.policy.CompressAfter = time.Hour
		r.start()
		c := r.run("app")
		r.rotate(c, 2)
		r.pass(time.Minute)
		if crowd.looks != 0 {
			t.Errorf("%d looks while there was nothing to do", crowd.looks)
		}
		r.rotate(c, 1)
		r.pass(time.Minute)
		if crowd.looks != 1 {
			t.Errorf("%d looks for one file that had to go", crowd.looks)
		}
		r.setPolicy(policyOf(100*kib, 3, logfile.Gzip, 0))
		r.pass(time.Second)
		before := crowd.looks
		crowd.join(r, "ignored").open(c.Path())
		r.rotate(c, 5)
		r.pass(time.Minute)
		if crowd.looks != before {
			t.Errorf("%d looks where readers do not come first", crowd.looks-before)
		}
		if got := names(t, c.Path()); len(got) != 3 {
			t.Errorf("files %q", got)
		}
	})
}

// TestLooksAreShared: however many logs are rotated at once, and however long a look
// takes on a node with many processes, no more than a look a second is taken.
func TestLooksAreShared(t *testing.T) {
	withReaders(t, func(t *testing.T, r *rig, crowd *crowd) {
		crowd.took = 80 * time.Millisecond
		r.policy.MaxFiles = 2
		r.start()
		var all []*runtimetest.Container
		for n := range 30 {
			all = append(all, r.run(fmt.Sprint("app", n)))
		}
		began := time.Now()
		for range 5 {
			for _, c := range all {
				r.must(c.Print("stdout", 110, 1000))
			}
			r.pass(time.Second)
		}
		r.pass(lookPause)
		if most := int(time.Since(began)/time.Second) + 1; crowd.looks < 2 || crowd.looks > most {
			t.Errorf("%d looks, at most %d", crowd.looks, most)
		}
		for _, c := range all {
			if got := names(t, c.Path()); len(got) != 2 {
				t.Errorf("files %q", got)
			}
		}
	})
}

// TestBlindness: where nobody can tell who reads, files go by their number as ever, and
// it is said.
func TestBlindness(t *testing.T) {
	withReaders(t, func(t *testing.T, r *rig, crowd *crowd) {
		crowd.err = errors.New("no /proc here")
		r.start()
		c := r.run("app")
		r.rotate(c, 5)
		r.pass(lookAgain)
		if got := names(t, c.Path()); len(got) != 3 {
			t.Errorf("files %q", got)
		}
		if r.metric("failures_total", "readers") == 0 || r.said("cannot find out who reads") == 0 {
			t.Error("nothing is said of it")
		}
	})
}

// TestLag: how far each program is behind is told in bytes, per program and not per
// process, and for a bounded number of programs.
func TestLag(t *testing.T) {
	withReaders(t, func(t *testing.T, r *rig, crowd *crowd) {
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 20, 1000))
		for n := range 2 {
			slow := crowd.join(r, "slow")
			slow.open(c.Path())
			slow.take(int64(1000 * n))
		}
		r.rotate(c, 3)
		crowd.join(r, "quick").open(c.Path())
		r.pass(lookAgain)
		var all int64
		for _, size := range append(sizes(t, c.Path()), size(t, c.Path())) {
			all += size
		}
		if got, want := r.metric("reader_lag_bytes", "slow"), float64(2*all-1000); got != want {
			t.Errorf("slow is behind by %v, want %v", got, want)
		}
		if got, want := r.metric("reader_lag_bytes", "quick"), float64(size(t, c.Path())); got != want {
			t.Errorf("quick is behind by %v, want %v", got, want)
		}
		status := r.Status().Readers
		if len(status) != 2 || status[0].Name != "slow" || status[0].LagBytes != 2*all-1000 || status[0].Containers != 1 || status[0].Behind != 1 {
			t.Errorf("status %+v", status)
		}
		for n := range 40 {
			crowd.join(r, fmt.Sprint("one of many ", n)).open(c.Path())
		}
		crowd.join(r, "other").open(c.Path())
		r.pass(lookAgain)
		if got := len(r.Status().Readers); got != 20 {
			t.Errorf("%d readers are told of", got)
		}
		if got, want := r.metric("reader_lag_bytes"), float64(2*all-1000+42*size(t, c.Path())); got != want {
			t.Errorf("all are behind by %v, want %v", got, want)
		}
	})
}
