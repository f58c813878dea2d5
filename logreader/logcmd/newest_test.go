package logcmd_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// Of pods that were all removed the one is shown that was written to last, in whatever order they are
// listed.
func TestNewestOfRemovedPods(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	src := names{containers: map[logreader.Pod][]string{}, last: map[logreader.Pod]time.Time{}, ended: map[logreader.Pod]bool{}}
	for uid, age := range map[string]time.Duration{"u1": 3, "u2": 1, "u3": 2} {
		p := pod("shop", "db-0", uid)
		src.containers[p], src.last[p], src.ended[p] = []string{"db"}, now.Add(-age*time.Hour), true
	}
	if got, err := choose(t, src, "shop/db-0", nil); err != nil || got != "shop/db-0/u2/db" {
		t.Errorf("chosen is %q, %v", got, err)
	}
}

// Who has given too little of a UID is told those that it may be, and no other.
func TestUIDsThatMayBeMeant(t *testing.T) {
	src := names{containers: map[logreader.Pod][]string{}}
	for _, uid := range []string{"ab1", "ab2", "cd3"} {
		src.containers[pod("shop", "db-0", uid)] = []string{"db"}
	}
	for uid, others := range map[string]string{"ab": "ab1 ab2", "x": "ab1 ab2 cd3"} {
		_, err := choose(t, src, "shop/db-0 --uid "+uid, nil)
		for _, one := range []string{"ab1", "ab2", "cd3"} {
			if err == nil || strings.Contains(err.Error(), one) != strings.Contains(others, one) {
				t.Errorf("%s: told %v, want it to name %s", uid, err, others)
			}
		}
	}
}
