package logprint

import (
	"bytes"

	"github.com/cri-logshim/cri-logshim/logreader"
)

const (
	// maxContext is how many bytes of lines are kept altogether for what may be found next.
	maxContext = 32 << 20
	streams    = 3
)

// finder lets lines through that are looked for, and their neighbours.
type finder struct {
	search Search
	mark   bool
	put    func(shown) error

	containers map[logreader.Origin]*searched // without the attempt
	order      []*searched
	last       *logreader.Origin
	lastOf     *searched
	some       bool // whether a line was let through
}

func newFinder(search Search, mark bool, put func(shown) error) *finder {
	return &finder{search: search, mark: mark, put: put, containers: map[logreader.Origin]*searched{}}
}

// searched is how far a container's lines are searched.
type searched struct {
	*finder
	pieces [streams]pieces
	before []shown // the last lines that were not let through
	bytes  int     // of before
	after  int     // how many of the next lines are let through
	apart  bool    // whether the next line that is let through does not follow the one before it
}

func (f *finder) take(line logreader.Line) error {
	s := f.of(line.Origin)
	return s.pieces[int(line.Stream)%streams].take(line, s)
}

// of returns how far the container's lines are searched.
func (f *finder) of(origin *logreader.Origin) *searched {
	if f.lastOf != nil && origin == f.last {
		return f.lastOf
	}
	var key logreader.Origin
	if origin != nil {
		key = *origin
		key.Attempt = 0
	}
	s := f.containers[key]
	if s == nil {
		s = &searched{finder: f, apart: true}
		f.containers[key], f.order = s, append(f.order, s)
	}
	f.last, f.lastOf = origin, s
	return s
}

// end lets through what has no end.
func (f *finder) end() error {
	for _, s := range f.order {
		for stream := range s.pieces {
			if err := s.pieces[stream].end(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// decide lets a line through, or not, and says whether as context. Of the line there may be
// more to come.
func (s *searched) decide(line logreader.Line) (through, context bool, err error) {
	switch {
	case s.search.selects(line.Text):
		if err := s.letBefore(); err != nil {
			return true, false, err
		}
		if s.search.Context != nil {
			s.after = s.search.Context.After
		}
		next := shown{Line: line}
		if s.mark {
			next.found = s.search.found(line.Text)
		}
		return true, false, s.let(next)
	case s.after > 0:
		s.after--
		return true, true, s.let(shown{Line: line, context: true})
	default:
		s.keep(line)
		return false, false, nil
	}
}

func (s *searched) let(line shown) error {
	line.apart = s.apart && s.some && s.search.Context != nil
	s.apart, s.some = false, true
	return s.put(line)
}

// letBefore lets the lines before one that was found through.
func (s *searched) letBefore() error {
	for _, line := range s.before {
		if err := s.let(line); err != nil {
			return err
		}
	}
	clear(s.before)
	s.before, s.bytes = s.before[:0], 0
	return nil
}

// keep keeps a line that may come before one that is found.
func (s *searched) keep(line logreader.Line) {
	most := 0
	if s.search.Context != nil {
		most = s.search.Context.Before
	}
	if most == 0 {
		s.apart = true
		return
	}
	line.Text = bytes.Clone(line.Text)
	s.before = append(s.before, shown{Line: line, context: true})
	s.bytes += len(line.Text) + heldLine
	for len(s.before) > most || s.bytes > maxContext/len(s.containers) {
		s.apart = true
		s.bytes -= len(s.before[0].Text) + heldLine
		s.before[0] = shown{}
		s.before = s.before[1:]
	}
}
