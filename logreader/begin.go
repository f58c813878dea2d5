package logreader

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"
)

// start is where reading begins.
type start struct {
	index  int   // of the file
	offset int64 // in its text
	skip   int64 // lines from there on that are not wanted
}

// beginAttempts is how often the beginning is looked for while files change their names.
const beginAttempts = 20

// begin finds the first file and opens it.
func (h *history) begin(ctx context.Context) error {
	if h.o.Follow && h.bell == nil {
		bell, err := h.src.Watch(ctx, h.c)
		if err != nil {
			return err
		}
		h.bell = bell
	}
	for attempts := 1; ; attempts++ {
		err := h.tryToBegin(ctx)
		if !errors.Is(err, fs.ErrNotExist) || attempts == beginAttempts {
			return err
		}
		if err := Pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

func (h *history) tryToBegin(ctx context.Context) error {
	now, err := h.list(ctx)
	if err != nil {
		return err
	}
	files, err := h.choose(now.Files)
	if err != nil {
		return err
	}
	if len(files) == 0 || h.o.Tail == 0 && !h.o.Follow {
		h.at = &place{none: true, settled: true}
		h.startAttempt()
		h.over = !h.o.Follow
		return nil
	}
	h.last = files[len(files)-1]
	h.lastBefore = latest(files[:len(files)-1], h.last.Attempt)
	s, err := h.start(ctx, files)
	if err != nil {
		return err
	}
	return h.openFirst(ctx, files, s)
}

// openFirst opens the file to begin with.
func (h *history) openFirst(ctx context.Context, files []File, s start) error {
	p, err := h.openAt(ctx, files, s.index, s.offset)
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	h.skip = s.skip
	h.files, h.from = files, s.index
	return h.enterOrPass(ctx, p, err)
}

// choose leaves the files of the attempt that was asked for. There are some, unless following.
func (h *history) choose(files []File) ([]File, error) {
	if h.o.Previous && h.attempt == nil {
		known := attemptsOf(files)
		if len(known) < 2 {
			return nil, &NoLogError{h.c, known}
		}
		previous := known[len(known)-2]
		h.attempt = &previous
		return slices.DeleteFunc(files, func(f File) bool { return f.Attempt != previous }), nil
	}
	if len(files) == 0 && !h.o.Follow {
		return nil, &NoLogError{h.c, h.known}
	}
	return files, nil
}

// start finds where to begin.
func (h *history) start(ctx context.Context, files []File) (start, error) {
	if h.o.Tail >= 0 {
		return h.tail(ctx, files)
	}
	first := h.firstSince(files)
	offset, err := h.offsetSince(ctx, files[first])
	if err := passed(ctx, err); err != nil {
		return start{}, err
	}
	return start{index: first, offset: offset}, nil
}

// firstSince is the first file that may hold lines of the wanted time: the others need not be
// opened. The last one always may.
func (h *history) firstSince(files []File) int {
	if h.o.Since.IsZero() {
		return 0
	}
	for i, f := range files[:len(files)-1] {
		if t := written(f); t.IsZero() || !t.Add(margin).Before(h.o.Since) {
			return i
		}
	}
	return len(files) - 1
}
