package logmgr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/readers"
)

// Readers finds out which other processes read any of the wanted files, and how far
// they have got. It may take a while and is never called twice at once.
type Readers interface {
	Look(ctx context.Context, want map[logfile.ID]struct{}) (readers.Found, error)
}

// How often processes are looked through. A look costs some 40 µs for each process
// of the node, so looking takes 2 % of one core at most, or, on a node where one takes
// longer than 20 ms, one look a second.
const (
	shortestLookPause = 100 * time.Millisecond
	longestLookPause  = time.Second
	lookShare         = 50 // a pause lasts as many times as long as the look before
)

// lookout answers everybody who wants to know of readers, with as few looks as
// possible: those who ask while it rests share the next one. No answer is older than
// its question.
type lookout struct {
	readers Readers
	asked   *mailbox[question]
	denied  bool // has been reported
}

type question struct {
	files  []logfile.ID
	answer chan<- answer // takes one without waiting
}

type answer struct {
	found readers.Found
	err   error
}

func newLookout(r Readers) *lookout {
	return &lookout{readers: r, asked: newMailbox[question]()}
}

// ask returns the readers of files, and perhaps of others.
func (o *lookout) ask(ctx context.Context, files []logfile.ID) (map[logfile.ID][]readers.Reader, error) {
	if o.readers == nil || len(files) == 0 {
		return nil, nil
	}
	told := make(chan answer, 1)
	o.asked.post(question{files, told})
	select {
	case a := <-told:
		return a.found.Readers, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("ask for readers: %w", context.Cause(ctx))
	}
}

// run answers until ctx is done.
func (o *lookout) run(ctx context.Context, m *Manager) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-o.asked.ready:
		}
		began := time.Now()
		m.protect("look for readers", func() { o.look(ctx, m, o.asked.take()) })
		pause := time.NewTimer(min(max(lookShare*time.Since(began), shortestLookPause), longestLookPause))
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil
		case <-pause.C:
		}
	}
}

// look takes one look for all who have asked.
func (o *lookout) look(ctx context.Context, m *Manager, questions []question) {
	a := answer{err: errors.New("the look for readers has panicked")}
	defer func() {
		for _, q := range questions {
			q.answer <- a
		}
	}()
	want := map[logfile.ID]struct{}{}
	for _, q := range questions {
		for _, id := range q.files {
			want[id] = struct{}{}
		}
	}
	defer m.work.begin("look through the node's processes for readers of logs", stuckFile)()
	m.metrics.looks.Inc()
	a.found, a.err = o.readers.Look(ctx, want)
	if a.err == nil && a.found.Denied > 0 && !o.denied {
		o.denied = true
		m.Log.Warnf("%d of %d processes may not be looked into (CAP_SYS_PTRACE is missing, or not enough): what they read is not waited for",
			a.found.Denied, a.found.Processes)
	}
}
