package kept

import (
	"errors"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// Scan sorts out the files of a container in a directory.
type Scan func(*logfile.Dir) ([]logfile.Log, error)

// Hold gives one file of the directory dir, which is rel below podLogsDir, its second
// name. It is made for who tends a log and waits: in most cases that is one link.
func (s *Store) Hold(dir *logfile.Dir, rel, name string, id logfile.ID, t Term, scan Scan) (err error) {
	defer s.kept.Turn(rel)()
	kept, err := s.open(rel, t)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	info, err := dir.Stat(name)
	switch {
	case err == nil && info.Links == 1:
		err = dir.HardLink(name, id, kept, name)
		if errors.Is(err, fs.ErrExist) { // a file that has another name by now
			_, err = mirror(dir, kept, scan)
		}
	case err == nil: // it is kept, maybe by another name, and is to have no third one
		_, err = mirror(dir, kept, scan)
	}
	return err
}

// Mirror makes the second names in keepDir those of the files in dir, which is rel below
// podLogsDir, whatever has happened to either since. It returns what is found only in
// keepDir.
func (s *Store) Mirror(dir *logfile.Dir, rel string, t Term, scan Scan) (only []logfile.Log, err error) {
	defer s.kept.Turn(rel)()
	kept, err := s.open(rel, t)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	return mirror(dir, kept, scan)
}

// Drop takes the second names of the files in dir away, and returns what is found only
// in keepDir: that stays for its term.
func (s *Store) Drop(dir *logfile.Dir, rel string, scan Scan) (only []logfile.Log, err error) {
	return s.compared(dir, rel, scan, func(kept *logfile.Dir, p *pair) error {
		for name, f := range p.files {
			if _, live := p.live[f.ID]; !live {
				continue
			}
			if err := ignoreMissing(kept.Remove(name, f.ID)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Only returns what Mirror would find only in keepDir, and changes nothing.
func (s *Store) Only(dir *logfile.Dir, rel string, scan Scan) (only []logfile.Log, err error) {
	return s.compared(dir, rel, scan, func(*logfile.Dir, *pair) error { return nil })
}

// compared returns what is found only in keepDir after do was done to a mirror that is there.
func (s *Store) compared(dir *logfile.Dir, rel string, scan Scan, do func(*logfile.Dir, *pair) error) (only []logfile.Log, err error) {
	defer s.kept.Turn(rel)()
	kept, err := s.kept.Dir(rel)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	p, err := compare(dir, kept, scan)
	if err != nil {
		return nil, err
	}
	if err := do(kept, p); err != nil {
		return nil, err
	}
	return p.only(scan)
}

// pair is a directory below podLogsDir and its mirror.
type pair struct {
	kept  *logfile.Dir
	live  map[logfile.ID]file // what belongs into the mirror
	files map[string]file     // what is in it, by name
}

// file is one of the mirror's.
type file struct {
	logfile.File
	log string // to which it belongs
}

// compare looks at both directories. What goes from the first between the two looks
// counts as being in it still.
func compare(dir, kept *logfile.Dir, scan Scan) (*pair, error) {
	p := &pair{kept: kept, live: map[logfile.ID]file{}, files: map[string]file{}}
	logs, err := scan(dir)
	if err != nil {
		return nil, err
	}
	for _, f := range filesOf(logs) {
		p.live[f.ID] = f
	}
	if logs, err = scan(kept); err != nil {
		return nil, err
	}
	for _, f := range filesOf(logs) {
		p.files[f.Name] = f
	}
	return p, nil
}

// filesOf are the files that outlive their pod: no temporary ones, and no foreign ones.
func filesOf(logs []logfile.Log) (all []file) {
	for _, log := range logs {
		for _, f := range log.Rotated {
			all = append(all, file{f, log.Name})
		}
		if log.Current != nil {
			all = append(all, file{*log.Current, log.Name})
		}
	}
	return all
}

// mirror gives every file of dir its name in kept.
func mirror(dir, kept *logfile.Dir, scan Scan) (only []logfile.Log, err error) {
	p, err := compare(dir, kept, scan)
	if err != nil {
		return nil, err
	}
	for id, f := range p.live {
		err := p.place(dir, id, f.Name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, logfile.ErrChanged) {
			return nil, err
		}
	}
	return p.only(scan)
}

// place gives the file id of dir, called name there, that name in the mirror and no other.
func (p *pair) place(dir *logfile.Dir, id logfile.ID, name string) error {
	occupant, is := p.files[name]
	if is && occupant.ID != id {
		if err := p.moveAway(occupant); err != nil {
			return err
		}
	}
	for other, f := range p.files {
		switch {
		case f.ID != id || other == name:
		case p.has(name, id): // a rename made of link and unlink was cut short
			if err := ignoreMissing(p.kept.Remove(other, id)); err != nil {
				return err
			}
			delete(p.files, other)
		default:
			if err := p.rename(f, name); err != nil {
				return err
			}
		}
	}
	if p.has(name, id) {
		return nil
	}
	return dir.HardLink(name, id, p.kept, name)
}

func (p *pair) has(name string, id logfile.ID) bool {
	f, is := p.files[name]
	return is && f.ID == id
}

// moveAway makes room for another file: what is in its place goes on as a rotated file,
// until its right name is found, or for good if it is found nowhere else. What was a
// current log follows all that were rotated before.
func (p *pair) moveAway(f file) error {
	stamp := f.Stamp
	if stamp.IsZero() {
		stamp = p.newest(f.log).Next(f.ModTime)
	}
	for ; ; stamp = stamp.Next(time.Time{}) {
		to := logfile.FileName(f.log, stamp, f.Compression)
		if _, is := p.files[to]; !is && !p.isLive(to) {
			return p.rename(f, to)
		}
	}
}

// newest is the stamp of the log's newest rotated file.
func (p *pair) newest(log string) (stamp logfile.Stamp) {
	for f := range p.all() {
		if f.log == log && f.Stamp.Compare(stamp) > 0 {
			stamp = f.Stamp
		}
	}
	return stamp
}

// all are the files of both.
func (p *pair) all() iter.Seq[file] {
	return func(yield func(file) bool) {
		for _, files := range []iter.Seq[file]{maps.Values(p.live), maps.Values(p.files)} {
			for f := range files {
				if !yield(f) {
					return
				}
			}
		}
	}
}

func (p *pair) isLive(name string) bool {
	for _, f := range p.live {
		if f.Name == name {
			return true
		}
	}
	return false
}

func (p *pair) rename(f file, to string) error {
	if err := p.kept.Rename(f.Name, to, f.ID); err != nil {
		return err
	}
	delete(p.files, f.Name)
	f.Name = to
	p.files[to] = f
	return nil
}

// only returns what is in the mirror only, by then.
func (p *pair) only(scan Scan) ([]logfile.Log, error) {
	logs, err := scan(p.kept)
	if err != nil {
		return nil, err
	}
	elsewhere := func(f logfile.File) bool {
		_, live := p.live[f.ID]
		return live || f.Links > 1
	}
	var only []logfile.Log
	for _, log := range logs {
		log.Rotated = slices.DeleteFunc(log.Rotated, elsewhere)
		if log.Current != nil && elsewhere(*log.Current) {
			log.Current = nil
		}
		if log.Current != nil || len(log.Rotated) > 0 {
			only = append(only, logfile.Log{Name: log.Name, Current: log.Current, Rotated: log.Rotated})
		}
	}
	return only, nil
}
