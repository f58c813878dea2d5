package logcmd_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logreader"
	"github.com/cri-logshim/cri-logshim/logreader/logcmd"
)

// Who is shown one of several pods of a name is told how to get at the others, and that the
// attempt before the last is not one of theirs.
func TestOthersAreNamed(t *testing.T) {
	then := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	older, newer, empty := pod("shop", "db-0", "u1"), pod("shop", "db-0", "u2"), pod("shop", "db-0", "u3")
	src := names{
		containers: map[logreader.Pod][]string{older: {"db"}, newer: {"db"}, empty: nil},
		last:       map[logreader.Pod]time.Time{older: then.Add(-time.Hour), newer: then},
	}
	const others = "; for one before it: --uid u1 (last written to 2026-01-31T11:00:00Z), --uid u3 (nothing is left of it)"
	for previous, want := range map[bool]string{
		false: "showing the newest of 3 pods shop/db-0, UID u2" + others,
		true:  "showing the newest of 3 pods shop/db-0, UID u2; --previous is an earlier attempt within that pod" + others,
	} {
		var told []string
		c := &logcmd.Chooser{Source: src, Note: func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }}
		chosen, err := c.Choose(t.Context(), logcmd.Wanted{Pod: "db-0", Previous: previous})
		if err != nil || len(chosen) != 1 || chosen[0].Pod != newer || len(told) != 1 || told[0] != want {
			t.Errorf("previous %t: chose %v, %v and told %q, want %q", previous, chosen, err, told, want)
		}
	}
}
