package logreader

import (
	"cmp"
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

const (
	batchBytes = 64 << 10 // of text, after which a batch is handed over
	batchLines = 512
	batches    = 2 // of one history that are under way at most
)

// batch are lines of one history, copied.
type batch struct {
	from  int
	lines []Line
	text  []byte
	idle  bool  // the history waits for more
	err   error // there is nothing more; io.EOF: it has ended
}

// add copies a line into the batch.
func (b *batch) add(line Line) {
	begin := len(b.text)
	b.text = append(b.text, line.Text...)
	line.Text = b.text[begin:len(b.text):len(b.text)]
	b.lines = append(b.lines, line)
}

// merge puts the lines of several histories in the order of their times. Each history is read by
// a goroutine of its own, which stays a little ahead. While one has nothing more for now, the
// others go on without it.
type merge struct {
	o       Options
	sources []source
	coming  chan *batch
	stop    context.CancelFunc // nil: not begun
	running sync.WaitGroup
	warning sync.Mutex
	given   int   // the source of the line that was given last; -1: none
	failed  int   // sources that have ended with an error
	err     error // of the last of them, if all have
}

// source is one history as the merge sees it.
type source struct {
	history *history
	free    chan *batch // batches that it may fill
	queue   []*batch    // the first one's lines are given
	next    int         // in the first one
	idle    bool
	over    bool
	last    time.Time // of the last line that had a time
}

func newMerge(histories []*history, o Options) *merge {
	m := &merge{o: o, given: -1, coming: make(chan *batch, batches*len(histories))}
	for _, h := range histories {
		s := source{history: h, free: make(chan *batch, batches)}
		for range batches {
			s.free <- &batch{}
		}
		m.sources = append(m.sources, s)
	}
	return m
}

// begin starts the goroutines.
func (m *merge) begin(ctx context.Context) {
	ctx, m.stop = context.WithCancel(ctx)
	for i := range m.sources {
		h, free := m.sources[i].history, m.sources[i].free
		warn := h.o.Warn
		h.o.Warn = func(err error) {
			m.warning.Lock()
			defer m.warning.Unlock()
			warn(err)
		}
		m.running.Go(func() { m.read(ctx, i, h, free) })
	}
}

// read reads one history into batches.
func (m *merge) read(ctx context.Context, from int, h *history, free chan *batch) {
	take := func() *batch {
		select {
		case b := <-free:
			*b = batch{from: from, lines: b.lines[:0], text: b.text[:0]}
			return b
		case <-ctx.Done():
			return nil
		}
	}
	b := take()
	h.o.Idle = func() error {
		b.idle = true
		m.coming <- b // there is room for all
		if b = take(); b == nil {
			return context.Cause(ctx)
		}
		return nil
	}
	for b != nil {
		line, err := h.Next(ctx)
		if b == nil {
			return
		}
		if err != nil {
			b.err = err
			m.coming <- b
			return
		}
		if b.add(line); len(b.text) >= batchBytes || len(b.lines) >= batchLines {
			m.coming <- b
			b = take()
		}
	}
}

func (m *merge) close() {
	if m.stop != nil {
		m.stop()
	}
	m.running.Wait()
}

// next returns the line with the earliest time of those that are there.
func (m *merge) next(ctx context.Context) (Line, error) {
	if m.stop == nil {
		m.begin(ctx)
	}
	if err := m.gather(ctx); err != nil {
		return Line{}, err
	}
	if i := m.earliest(); i >= 0 {
		return m.give(i), nil
	}
	return Line{}, cmp.Or(m.err, io.EOF)
}

// gather takes what has come, until there is a line of each history that is not idle, or all are over.
func (m *merge) gather(ctx context.Context) error {
	m.release()
	for {
		select {
		case b := <-m.coming:
			if err := m.take(ctx, b); err != nil {
				return err
			}
			continue
		default:
		}
		if !m.mustWait() {
			return nil
		}
		if m.o.Idle != nil && m.o.Follow {
			if err := m.o.Idle(); err != nil {
				return err
			}
		}
		select {
		case b := <-m.coming:
			if err := m.take(ctx, b); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// take notes a batch.
func (m *merge) take(ctx context.Context, b *batch) error {
	s := &m.sources[b.from]
	s.idle = b.idle
	if b.err != nil {
		s.over = true
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !errors.Is(b.err, io.EOF):
			m.fail(s, b.err)
		}
	}
	if len(b.lines) == 0 {
		s.free <- b
		return nil
	}
	s.queue = append(s.queue, b)
	return nil
}

// fail notes that a source has nothing more to give, which is no reason to lose the others.
func (m *merge) fail(s *source, err error) {
	if m.failed++; m.failed == len(m.sources) {
		m.err = err
		return
	}
	s.history.o.Warn(err)
}

// mustWait tells whether the earliest line cannot be known yet. If there is none at all, it is to be
// waited for unless all histories are over.
func (m *merge) mustWait() bool {
	some, live := false, false
	for i := range m.sources {
		s := &m.sources[i]
		switch {
		case len(s.queue) > 0:
			some = true
		case !s.over && !s.idle:
			return true
		case !s.over:
			live = true
		}
	}
	return !some && live
}

// earliest is the source of the line that comes next; -1: there is none.
func (m *merge) earliest() int {
	if m.given >= 0 && m.goesOn(m.given) {
		return m.given
	}
	best := -1
	for i := range m.sources {
		s := &m.sources[i]
		if len(s.queue) == 0 {
			continue
		}
		if line := s.queue[0].lines[s.next]; line.Err == nil {
			s.last = line.Time
		}
		if best < 0 || s.last.Before(m.sources[best].last) {
			best = i
		}
	}
	return best
}

// goesOn tells whether the line given last has another piece, which no other line is to part
// from it.
func (m *merge) goesOn(i int) bool {
	s := &m.sources[i]
	return len(s.queue) > 0 && s.queue[0].lines[s.next].Continued
}

// give gives the first line of a source, whose batch is kept until release.
func (m *merge) give(i int) Line {
	s := &m.sources[i]
	line := s.queue[0].lines[s.next]
	s.next++
	m.given = i
	return line
}

// release hands a batch back whose last line was given.
func (m *merge) release() {
	if m.given < 0 {
		return
	}
	s := &m.sources[m.given]
	if len(s.queue) == 0 || s.next < len(s.queue[0].lines) {
		return
	}
	s.free <- s.queue[0]
	s.queue, s.next = s.queue[1:], 0
}
