package logmgr

import (
	"testing"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/readers"
)

// The number of a removed file may become another file's, which the same collector
// opens too. It stands in the removed one only while that is what it has open.
func TestNumberOfARemovedFile(t *testing.T) {
	removed := logfile.File{Name: "removed", Info: logfile.Info{ID: logfile.ID{Ino: 1}, Size: 100 << 10}}
	there := logfile.File{Name: "there", Info: logfile.Info{ID: logfile.ID{Ino: 2}, Size: 50, Links: 1}}
	files := []logfile.File{removed, there}
	for name, test := range map[string]struct {
		has  bool
		want int64 // unread bytes of the file that is there
	}{
		"the removed file is open":             {true, 50},
		"another file that has got its number": {false, 0},
	} {
		places := placesIn(files, map[logfile.ID][]readers.Reader{
			removed.ID: {{PID: 7, Pos: 10 << 10, Removed: test.has}},
			there.ID:   {{PID: 7, Pos: 50}},
		})
		if len(places) != 1 {
			t.Fatalf("%s: places %+v", name, places)
		}
		if got := places[0].left(1, there); got != test.want {
			t.Errorf("%s: %d bytes are unread, want %d", name, got, test.want)
		}
	}
}
