package logmgr

import (
	"fmt"
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

// A crash loop leaves nothing behind of attempts whose files have gone.
func TestAudienceForgetsAttempts(t *testing.T) {
	var a audience
	for n := range 100 {
		log := logfile.Log{Name: fmt.Sprint(n, ".log"), Current: &logfile.File{Info: logfile.Info{ID: logfile.ID{Ino: 1}, Size: 50, Links: 1}}}
		a.miss(log.Name, logfile.File{Info: logfile.Info{ID: logfile.ID{Ino: 2}}})
		a.update(log.Name, a.queue(log), map[logfile.ID][]readers.Reader{{Ino: 1}: {{PID: 7, Pos: 10}}})
		a.keep([]logfile.Log{log})
		if len(a.last) != 1 || len(a.ghosts) > 1 {
			t.Fatalf("after %d attempts %d sightings and %d removed files are remembered", n+1, len(a.last), len(a.ghosts))
		}
	}
}
