package logmgr

import (
	"slices"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/retention"
)

// stock is what a history has on disk, sorted by what may be removed of it.
type stock struct {
	removable []piece // oldest first
	fixed     retention.Fixed
}

// piece is one stretch of a history that goes as a whole.
type piece struct {
	log string // the name of the log that it is of
	// files are the forms in which it is there: more than one only where a crash or a
	// full disk has left it both plain and compressed, and before that is healed it is
	// not known which is whole.
	files   []logfile.File
	kept    bool      // it is found only in keepDir, since somebody else has removed it
	current bool      // it was never rotated: the last words of an attempt that is forgotten
	rotated time.Time // when it was last written, about
}

// unread tells whether a reader has not finished any form of the piece.
func (p piece) unread(missed map[string]unread) bool {
	return slices.ContainsFunc(p.files, func(f logfile.File) bool { return missed[f.Name].waited })
}

// disk is what the piece takes, in bytes.
func (p piece) disk() (sum int64) {
	for _, f := range p.files {
		sum += f.Disk
	}
	return sum
}

// takeStock sorts the logs of a history, the oldest attempt first. The current log
// of a container that the runtime knows is never removable: it is being written, or
// is what `kubectl logs --previous` shows. That of a forgotten attempt is. Nothing is
// of an attempt later than all that are known: who has just made a container has not
// told us of it yet.
func takeStock(logs []logfile.Log, known map[string]bool) stock {
	told := toldOf(logs, known)
	var s stock
	for i, log := range logs {
		for _, f := range log.Foreign {
			s.fixed.Disk += f.Disk // nobody's to remove, but there
		}
		if i >= told {
			s.fix(log.Rotated...)
		} else {
			s.addRotated(log.Name, log.Rotated)
		}
		switch c := log.Current; {
		case c == nil:
		case known[log.Name], i >= told:
			s.fix(*c)
		default:
			s.removable = append(s.removable, piece{log: log.Name, files: []logfile.File{*c}, current: true, rotated: c.ModTime})
		}
	}
	return s
}

// toldOf is how many of the logs, the oldest attempt first, are not later than all
// that are known.
func toldOf(logs []logfile.Log, known map[string]bool) int {
	n := len(logs)
	for n > 0 && !known[logs[n-1].Name] {
		n--
	}
	return n
}

// fix counts files that stay in any case.
func (s *stock) fix(files ...logfile.File) {
	for _, f := range files {
		s.fixed.Files++
		s.fixed.Disk += f.Disk
	}
}

// addKept adds what only keepDir has of the history, among the rest by time: else a
// container that crashes in a loop could pile it up there.
func (s *stock) addKept(only []logfile.Log) {
	var kept stock
	for _, log := range only {
		kept.addRotated(log.Name, log.Rotated)
		if c := log.Current; c != nil {
			kept.removable = append(kept.removable, piece{log: log.Name, files: []logfile.File{*c}, current: true, rotated: c.ModTime})
		}
	}
	var all []piece
	for _, p := range kept.removable {
		for len(s.removable) > 0 && !p.rotated.Before(s.removable[0].rotated) {
			all, s.removable = append(all, s.removable[0]), s.removable[1:]
		}
		p.kept = true
		all = append(all, p)
	}
	s.removable = append(all, s.removable...)
}

func (s *stock) addRotated(log string, files []logfile.File) {
	for i, f := range files {
		if i > 0 && f.Stamp == files[i-1].Stamp {
			last := &s.removable[len(s.removable)-1]
			last.files = append(last.files, f)
			continue
		}
		s.removable = append(s.removable, piece{log: log, files: []logfile.File{f}, rotated: f.Stamp.Time()})
	}
}

// files are the removable pieces as retention sees them.
func (s *stock) files(missed map[string]unread) []retention.File {
	files := make([]retention.File, len(s.removable))
	for i, p := range s.removable {
		files[i] = retention.File{Name: p.files[0].Name, Disk: p.disk(), Rotated: p.rotated, Unread: p.unread(missed)}
	}
	return files
}

// bounds are what the policy says of removal.
func (p Policy) bounds() retention.Bounds {
	return retention.Bounds{
		MaxFiles: p.MaxFiles, MaxFilesUnread: p.MaxFilesUnread,
		DeleteAfter: p.DeleteAfter, MaxTotalSize: p.MaxTotalSize,
	}
}
