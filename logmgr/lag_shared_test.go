package logmgr_test

import (
	"testing"
)

// TestLagInSharedDirectory: where logs of several containers share a directory, a look at
// one of them does not take away what is known of the others.
func TestLagInSharedDirectory(t *testing.T) {
	withReaders(t, func(t *testing.T, r *rig, crowd *crowd) {
		r.start()
		var behind float64
		for _, name := range []string{"one", "two"} {
			facts := r.facts("app")
			facts.ID, facts.Name, facts.LogPath = "id-"+name, name, name+".log"
			c := r.behind(facts)
			r.Created(facts)
			r.Started(c.ID(), false)
			r.must(c.Print("stdout", 20, 1000))
			crowd.join(r, "slow").open(c.Path())
			r.rotate(c, 3)
			for _, size := range append(sizes(t, c.Path()), size(t, c.Path())) {
				behind += float64(size)
			}
		}
		r.pass(lookAgain)
		if got := r.metric("reader_lag_bytes", "slow"); got != behind {
			t.Errorf("slow is behind by %v, want %v", got, behind)
		}
		if got := r.Status().Readers; len(got) != 1 || got[0].Containers != 2 || got[0].Behind != 2 {
			t.Errorf("status %+v", got)
		}
	})
}
