package logreader_test

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// renaming is a source whose files have got other names once somebody wants to open the first one.
type renaming struct {
	*memory
	missed bool
}

func (r *renaming) Open(ctx context.Context, c logreader.Container, f logreader.File) (logreader.Handle, error) {
	if !r.missed {
		r.missed = true
		return nil, fs.ErrNotExist
	}
	return r.memory.Open(ctx, c, f)
}

// The attempt before the last stays that one when its beginning has to be looked for again.
func TestPreviousWhileRenamed(t *testing.T) {
	m := &memory{}
	for attempt := range uint32(3) {
		record := fmt.Sprintf("2026-01-31T12:00:00Z stdout F attempt %d\n", attempt)
		m.add(logreader.File{Attempt: attempt}, strings.NewReader(record), int64(len(record)))
	}
	src := &renaming{memory: m}
	got, warned := read(t, src, logreader.Options{Previous: true, Tail: logreader.All})
	if !src.missed || !slices.Equal(got, []string{"stdout: attempt 1"}) || len(warned) > 0 {
		t.Errorf("read %q, warned of %v", got, warned)
	}
}
