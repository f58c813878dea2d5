package logmgr

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/readers"
)

const (
	// longestAbsence is how long a reader that has closed a log counts as standing
	// where it was seen last: collectors are restarted, and some close a file between
	// two looks of their own.
	longestAbsence = time.Minute
	// longestGlance is how many bytes collectors read of a file to recognise it: rsyslog
	// 512, OpenTelemetry 1,000. Some leave the file open after that; a process that
	// reads a newer file of the log does not read in there.
	longestGlance = 4 << 10
	// longestDesertion is how long a history counts as read by nobody after a look has
	// found nobody. A new look is asked for after longestLookPause, and then has to wait
	// for its turn.
	longestDesertion = 3 * longestLookPause
	// mostGhosts bounds what is remembered of one history.
	mostGhosts = 16
)

// audience is what is remembered of a history's readers from one look to the next.
type audience struct {
	mu     sync.Mutex
	ghosts []ghost // oldest first
	last   map[sighted]sighting

	deserted time.Time // when there was nobody; zero: somebody was there, or it is not known
	looking  bool      // a look is under way that nobody waits for
}

// ghost is a file that was removed or compressed while a reader stood in it, as it may
// be if that has finished it, and must be if too much is kept. As long as that reader still has it open
// and nothing newer, it stands there.
type ghost struct {
	log string // its name
	logfile.File
}

// sighted is a process that was seen reading a log.
type sighted struct {
	log string
	pid int
}

// sighting is where that was.
type sighting struct {
	file   logfile.ID
	reader readers.Reader
	at     time.Time
}

// place is where a reader stands in a log: in the oldest file that it has not
// finished, or else in the newest that it has open.
type place struct {
	index  int // of the file
	reader readers.Reader
	gone   bool // it has nothing of the log open any longer
}

// left is what the reader has not read of the file with an index, in bytes.
func (p place) left(index int, f logfile.File) int64 {
	switch {
	case index < p.index:
		return 0
	case index == p.index:
		return max(f.Size-p.reader.Pos, 0)
	}
	return f.Size
}

// miss notes that a file which a reader still has open has been removed.
func (a *audience) miss(log string, f logfile.File) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f.Links = 0
	a.ghosts = append(a.ghosts, ghost{log, f})
	a.ghosts = a.ghosts[max(len(a.ghosts)-mostGhosts, 0):]
}

// setDeserted notes whether anybody was there, or had been lately, when a look was asked
// for.
func (a *audience) setDeserted(deserted bool, asked time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.deserted = time.Time{}
	if deserted {
		a.deserted = asked
	}
}

// desertedAgo is how long it is known that nobody was there; very long if it is not.
func (a *audience) desertedAgo() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Since(a.deserted)
}

// beginLook tells whether no other look is under way that nobody waits for.
func (a *audience) beginLook() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	begun := !a.looking
	a.looking = true
	return begun
}

func (a *audience) endLook() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.looking = false
}

// queue returns the files of a log in the order in which they are read, with its
// ghosts among them; of two forms of a file the plain one comes later, since whoever
// has read that needs no other. A file that has got the number of a ghost proves that
// nobody had that open any longer.
func (a *audience) queue(log logfile.Log) []logfile.File {
	files := slices.Clone(log.Rotated)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, g := range a.ghosts {
		again := log.Current != nil && log.Current.ID == g.ID ||
			slices.ContainsFunc(files, func(f logfile.File) bool { return f.ID == g.ID })
		if g.log == log.Name && !again {
			files = append(files, g.File)
		}
	}
	slices.SortStableFunc(files, func(a, b logfile.File) int {
		// Plain is the empty text.
		return cmp.Or(a.Stamp.Compare(b.Stamp), strings.Compare(string(b.Compression), string(a.Compression)))
	})
	if log.Current != nil {
		files = append(files, *log.Current)
	}
	return files
}

// update remembers where the readers of a log stand now, and returns that together
// with those who have been gone for a short while, where they stood. Ghosts in which
// nobody stands any longer are forgotten.
func (a *audience) update(log string, files []logfile.File, found map[logfile.ID][]readers.Reader) []place {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	places := placesIn(files, found)
	present := len(places)
	for who, s := range a.last {
		if who.log != log {
			continue
		}
		index := slices.IndexFunc(files, func(f logfile.File) bool { return f.ID == s.file })
		// A collector that was restarted is another process of the same name.
		back := slices.ContainsFunc(places[:present], func(p place) bool { return p.reader.Name == s.reader.Name })
		if back || index < 0 || now.Sub(s.at) > longestAbsence {
			delete(a.last, who)
			continue
		}
		places = append(places, place{index: index, reader: s.reader, gone: true})
	}
	if a.last == nil {
		a.last = map[sighted]sighting{}
	}
	for _, p := range places[:present] {
		a.last[sighted{log, p.reader.PID}] = sighting{files[p.index].ID, p.reader, now}
	}
	a.ghosts = slices.DeleteFunc(a.ghosts, func(g ghost) bool {
		index := slices.IndexFunc(files, func(f logfile.File) bool { return f.ID == g.ID })
		return g.log == log && index >= 0 && !slices.ContainsFunc(places, func(p place) bool { return p.index == index })
	})
	return places
}

// keep forgets what is known of all logs but these: attempts come and go for as long as
// their container crashes.
func (a *audience) keep(logs []logfile.Log) {
	a.mu.Lock()
	defer a.mu.Unlock()
	gone := func(name string) bool {
		return !slices.ContainsFunc(logs, func(l logfile.Log) bool { return l.Name == name })
	}
	maps.DeleteFunc(a.last, func(who sighted, _ sighting) bool { return gone(who.log) })
	a.ghosts = slices.DeleteFunc(a.ghosts, func(g ghost) bool { return gone(g.log) })
}

// placesIn returns where the readers of a log's files stand, the oldest file first. A
// ghost, which has no links, is read only by who has a removed file open: its number may
// be another file's by now.
func placesIn(files []logfile.File, all map[logfile.ID][]readers.Reader) (places []place) {
	found := make(map[logfile.ID][]readers.Reader, len(all))
	for _, f := range files {
		for _, r := range all[f.ID] {
			if f.Links > 0 || r.Removed {
				found[f.ID] = append(found[f.ID], r)
			}
		}
	}
	newest := map[int]int{} // index of the newest file that a process reads
	for i, f := range files {
		for _, r := range found[f.ID] {
			if r.Pos > 0 || f.Size == 0 {
				newest[r.PID] = i
			}
		}
	}
	for i, f := range files {
		for _, r := range found[f.ID] {
			if r.Pos <= longestGlance && i < newest[r.PID] {
				continue
			}
			known := slices.IndexFunc(places, func(p place) bool { return p.reader.PID == r.PID })
			switch {
			case known < 0:
				places = append(places, place{index: i, reader: r})
			case places[known].left(places[known].index, files[places[known].index]) == 0:
				places[known] = place{index: i, reader: r} // it has finished that one
			}
		}
	}
	return places
}
