package kept

import (
	"errors"
	"io/fs"
	"path"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// File is one that is found only in keepDir.
type File struct {
	Dir string // below keepDir: the directory that it was in below podLogsDir
	logfile.File
	Expires time.Time
	Term    Term // of its directory
}

// Swept is what a look at all of keepDir has found.
type Swept struct {
	// Only are the files found nowhere else, whose term has not passed.
	Only []File
	// Expired are those that have been removed.
	Expired []File
	// Plain are those of Only that are to be compressed by now.
	Plain []File
	// Next is when the next file may expire or is to be compressed; zero: never.
	Next time.Time
}

// Sweep removes the files whose term has passed, and directories that are empty.
//
// A file expires its term after it was last changed; a clock that is set forward or back
// meanwhile makes nothing expire earlier. ErrNotRoots: nothing was looked at, since what tells of
// the terms could be anybody's.
func (s *Store) Sweep() (swept Swept, err error) {
	if err := checkTop(s.path); err != nil {
		return Swept{}, ignoreMissing(err)
	}
	err = s.each(func(rel string) error { return s.sweep(rel, &swept) })
	return swept, err
}

// each calls f for every directory in keepDir that may hold files, the deepest first.
func (s *Store) each(f func(rel string) error) error {
	var visit func(rel string) error
	visit = func(rel string) error {
		names, err := s.kept.Dirs(rel)
		if err != nil {
			return ignoreMissing(err)
		}
		var errs []error
		for _, name := range names {
			errs = append(errs, visit(path.Join(rel, name)))
		}
		if rel != "." {
			errs = append(errs, f(rel))
		}
		return errors.Join(errs...)
	}
	return visit(".")
}

// sweep is Sweep for one directory.
func (s *Store) sweep(rel string, swept *Swept) (err error) {
	defer s.kept.Turn(rel)()
	dir, err := s.kept.Dir(rel)
	if err != nil {
		return ignoreMissing(err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	found, left, err := s.onlyIn(dir, rel)
	if err != nil {
		return ignoreMissing(err) // removed meanwhile, with one below it
	}
	if left == 0 {
		return s.removeEmpty(dir, rel)
	}
	term, err := s.termOf(dir, rel)
	if err != nil {
		return err
	}
	if len(found) < left { // what is found elsewhere now may be found here only at once
		swept.soonest(s.clock.now().Add(term.Keep))
	}
	for _, f := range found {
		f.Expires, f.Term = f.Changed.Add(term.Keep), term
		if err := ignoreMissing(s.judge(dir, f, term, swept)); err != nil {
			return err
		}
	}
	if _, left, err = s.onlyIn(dir, rel); left > 0 || err != nil {
		return err
	}
	return s.removeEmpty(dir, rel)
}

// judge removes a file whose term has passed, unless somebody still writes to it, and
// else notes it.
func (s *Store) judge(dir *logfile.Dir, f File, term Term, swept *Swept) error {
	now := s.clock.at(f.Changed)
	plain := f.Changed.Add(term.CompressAfter)
	packs := term.Compression != logfile.Plain && f.Compression == logfile.Plain
	expired, due := !now.Before(f.Expires), packs && !now.Before(plain)
	held := false
	if expired || due {
		var err error
		if held, err = dir.Held(f.Name); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	switch {
	case held:
		swept.soonest(now)
	case expired:
		if err := dir.Remove(f.Name, f.ID); err != nil {
			return err
		}
		swept.Expired = append(swept.Expired, f)
		return nil
	case due:
		swept.Plain = append(swept.Plain, f)
	case packs:
		swept.soonest(plain)
	}
	swept.soonest(f.Expires)
	swept.Only = append(swept.Only, f)
	return nil
}

func (s *Swept) soonest(at time.Time) {
	if s.Next.IsZero() || at.Before(s.Next) {
		s.Next = at
	}
}

// onlyIn returns the files that only the directory of keepDir has, and how many it has
// in all.
func (s *Store) onlyIn(dir *logfile.Dir, rel string) (only []File, all int, err error) {
	live, err := s.liveIn(rel)
	if err != nil {
		return nil, 0, err
	}
	files, err := dir.Files()
	for _, f := range files {
		if f.Name == termName || f.Name == termTmp {
			continue
		}
		all++
		if !live[f.ID] {
			only = append(only, File{Dir: rel, File: f})
		}
	}
	return only, all, err
}

// liveIn are the files in the directory below podLogsDir.
func (s *Store) liveIn(rel string) (map[logfile.ID]bool, error) {
	dir, err := s.live.Dir(rel)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, logfile.ErrUnsafe) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	files, err := dir.Files()
	live := make(map[logfile.ID]bool, len(files))
	for _, f := range files {
		live[f.ID] = true
	}
	return live, errors.Join(ignoreMissing(err), dir.Close())
}

// termOf is the term of a directory.
func (s *Store) termOf(dir *logfile.Dir, rel string) (Term, error) {
	s.mu.Lock()
	t, known := s.terms[rel]
	s.mu.Unlock()
	if known {
		return t, nil
	}
	return readTerm(dir)
}

// removeEmpty removes a directory that holds nothing but its term.
func (s *Store) removeEmpty(dir *logfile.Dir, rel string) error {
	if err := removeTerm(dir); err != nil {
		return err
	}
	s.Forget(rel)
	return s.kept.RemoveDirs(rel)
}

// Inventory returns the files that are found only in keepDir.
func (s *Store) Inventory() (only []File, err error) {
	err = s.each(func(rel string) (err error) {
		dir, err := s.kept.Dir(rel)
		if err != nil {
			return ignoreMissing(err)
		}
		defer func() { err = errors.Join(err, dir.Close()) }()
		found, _, err := s.onlyIn(dir, rel)
		only = append(only, found...)
		return ignoreMissing(err) // a sweep may have removed it since, as empty
	})
	return only, err
}

// Remove removes a file of the inventory.
func (s *Store) Remove(f File) (err error) {
	dir, err := s.kept.Dir(f.Dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Remove(f.Name, f.ID), dir.Close())
}

// Shelve makes f, which is to be compressed, a rotated file if it is none yet, and opens
// the directory that it is in.
func (s *Store) Shelve(f File) (_ *logfile.Dir, _ logfile.File, err error) {
	defer s.kept.Turn(f.Dir)()
	dir, err := s.kept.Dir(f.Dir)
	if err != nil {
		return nil, logfile.File{}, err
	}
	shelved := f.File
	if f.Stamp.IsZero() {
		log, scanErr := dir.Scan(f.Name)
		if scanErr != nil {
			return nil, logfile.File{}, errors.Join(scanErr, dir.Close())
		}
		if n := len(log.Rotated); n > 0 {
			shelved.Stamp = log.Rotated[n-1].Stamp
		}
		for {
			shelved.Stamp = shelved.Stamp.Next(f.ModTime)
			shelved.Name = logfile.FileName(f.Name, shelved.Stamp, logfile.Plain)
			err = dir.Rename(f.Name, shelved.Name, f.ID)
			if !errors.Is(err, fs.ErrExist) {
				break
			}
		}
	}
	if err != nil {
		return nil, logfile.File{}, errors.Join(err, dir.Close())
	}
	return dir, shelved, nil
}

// Dir opens the directory rel of keepDir.
func (s *Store) Dir(rel string) (*logfile.Dir, error) { return s.kept.Dir(rel) }
