package logmgr

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Whoever collects garbage is told once of each flood of containers that it is over, and
// not of the few that come and go at all times.
func TestInflux(t *testing.T) {
	const many = manyContainers
	type list struct{ unknown, learned int } // five seconds after the last one
	for name, c := range map[string]struct {
		lists []list
		want  []bool
	}{
		"an empty node":                {[]list{{0, 0}, {0, 0}, {0, 0}, {0, 0}}, []bool{false}},
		"a small node":                 {[]list{{50, 0}, {0, 50}, {0, 0}, {0, 0}, {0, 0}}, []bool{false}},
		"a full node":                  {[]list{{many, 0}, {0, many}, {0, 0}, {0, 0}, {0, 0}}, []bool{true, false}},
		"a slow runtime":               {[]list{{many, 0}, {many, many}, {5, many}, {0, 5}, {0, 0}, {0, 0}}, []bool{true, true, false}},
		"a full node with crash loops": {[]list{{many, 0}, {0, many}, {1, 1}, {1, 1}, {0, 1}, {1, 1}, {0, 1}}, []bool{true, false}},
		"one that is never known":      {[]list{{1, 0}, {1, 0}, {1, 0}, {1, 0}}, []bool{false}},
		"many by and by":               {[]list{{0, 0}, {0, many / 2}, {0, 0}, {0, many / 2}, {0, 0}, {0, 0}, {0, 0}}, []bool{false}},
		"few by and by":                {[]list{{0, 0}, {0, 0}, {0, 0}, {0, 2}, {0, 0}, {0, 0}, {0, 2}, {0, 0}, {0, 0}}, []bool{false}},
		"many at once after the start": {[]list{{0, 0}, {0, 0}, {0, 0}, {many, 0}, {0, many}, {0, 0}, {0, 0}}, []bool{false, true, false}},
	} {
		var told []bool
		i := influx{tell: func(on bool) { told = append(told, on) }}
		for n, l := range c.lists {
			i.look(time.Unix(0, 0).Add(time.Duration(n)*calmAfter/2), l.unknown, l.learned)
		}
		if !cmp.Equal(c.want, told) {
			t.Errorf("%s: told %v, want %v", name, told, c.want)
		}
	}
}
