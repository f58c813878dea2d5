package logreader

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"time"
)

// list asks the source for the files of the chosen attempts.
func (h *history) list(ctx context.Context) (Listing, error) {
	now, err := h.src.Files(ctx, h.c)
	if errors.Is(err, fs.ErrNotExist) && h.at != nil {
		return Listing{Ended: true}, nil
	}
	if err != nil {
		return Listing{}, err
	}
	for _, err := range now.PassedOver {
		if text := err.Error(); !h.told[text] {
			h.told[text] = true
			h.o.Warn(err)
		}
	}
	if h.attempt != nil {
		wanted := *h.attempt
		h.known = attemptsOf(now.Files)
		now.Ended = now.Ended || slices.ContainsFunc(now.Files, func(f File) bool { return f.Attempt > wanted })
		now.Files = slices.DeleteFunc(now.Files, func(f File) bool { return f.Attempt != wanted })
	}
	return now, nil
}

// attemptsOf are the attempts that files are of, in their order.
func attemptsOf(files []File) []uint32 {
	var known []uint32
	for _, f := range files {
		if !slices.Contains(known, f.Attempt) {
			known = append(known, f.Attempt)
		}
	}
	return known
}

// after is where in a listing the files begin that follow the present one, and whether others
// may have been between.
func (h *history) after(ctx context.Context, files []File) (from int, gap bool, err error) {
	p := h.at
	if p.none {
		return 0, false, nil
	}
	i := slices.IndexFunc(files, p.is)
	if i < 0 && p.file.Key == "" {
		i, err = h.find(ctx, files)
	}
	if i < 0 {
		from = h.behind(files)
		return from, from < len(files) && files[from].Attempt == p.file.Attempt && p.offset > 0, err
	}
	moved := p.file.Name != files[i].Name && p.file.ID == (ID{}) && (p.moved || !p.settled)
	p.file = files[i]
	switch {
	case moved:
		return 0, false, cmp.Or(h.reopen(ctx), errReopened)
	case p.isCut():
		h.rewind()
		return 0, false, errReopened
	}
	return i + 1, false, nil
}

// rewind goes on with the present file from its beginning, since somebody has emptied it.
func (h *history) rewind() {
	p := h.at
	h.o.Warn(&CutError{Container: h.c, Name: p.file.Name})
	if _, err := p.handle.Seek(0, io.SeekStart); err != nil {
		h.giveUp(err)
		return
	}
	p.offset, h.looked = 0, 0
	h.lines.Continue(p)
}

// reopen opens the present file under the name that it has by now, for a source that opens by
// names alone.
func (h *history) reopen(ctx context.Context) error {
	old := h.at
	p, err := openPlace(ctx, h.src, h.c, old.file, old.offset)
	switch {
	case errors.Is(err, fs.ErrNotExist) && h.missed < beginAttempts:
		h.missed++
		old.moved = true // once more: the next listing tells where to
		return Pause(ctx, time.Millisecond)
	case ctx.Err() != nil:
		return errors.Join(context.Cause(ctx), p.close())
	case err != nil:
		h.giveUp(err)
		return nil
	}
	old.handle, p.handle = p.handle, old.handle
	old.ahead, p.ahead = p.ahead, old.ahead
	old.settled, old.moved, h.missed = p.settled, false, 0
	return p.close()
}

// find looks for the present file where neither its identity nor its name help: it was current
// when it was opened, or is one of Docker's, and has been compressed since, or the source knows
// no identities.
func (h *history) find(ctx context.Context, files []File) (i int, err error) {
	p := h.at
	rotated := false
	for i, f := range files {
		switch {
		case f.Attempt != p.file.Attempt, !f.Current() && f.Key != "" && !f.Rotated.After(p.before):
		case f.Current():
			if !rotated && p.file.ID == (ID{}) {
				return i, nil
			}
		default:
			rotated = true
			same, failed := p.isTextOf(ctx, h.src, h.c, f)
			if same && failed == nil {
				return i, nil
			}
			if errors.Is(failed, fs.ErrNotExist) {
				err = errAgain
			}
		}
	}
	return -1, err
}

// errReopened tells that there may be more to read of the present file.
var errReopened = errors.New("opened under another name")

// errAgain tells that a listing was out of date before it was of use.
var errAgain = errors.New("files have got other names meanwhile")

// behind is where in a listing without the present file the later ones begin.
func (h *history) behind(files []File) int {
	p := h.at
	i := slices.IndexFunc(files, func(f File) bool {
		switch {
		case f.Attempt != p.file.Attempt:
			return f.Attempt > p.file.Attempt
		case f.Current():
			return true
		case f.Key == "": // its place is known by its time alone
			return f.LastWrite.After(p.file.LastWrite)
		case p.file.Current():
			return f.Rotated.After(p.before)
		default:
			return f.Rotated.After(p.file.Rotated)
		}
	})
	if i < 0 {
		return len(files)
	}
	return i
}

// hasVanished tells whether the file that was to be read next is none of those that follow the
// present one, by no name. One that was current may be any later one of its attempt by now.
func (h *history) hasVanished(later []File) bool {
	f := h.gone
	h.gone = nil
	if f == nil || f.Size == 0 {
		return false
	}
	p := &place{file: *f}
	return !slices.ContainsFunc(later, func(one File) bool {
		return p.is(one) || f.Key == "" && one.Attempt == f.Attempt
	})
}

// latest is when the last file of an attempt was rotated.
func latest(files []File, attempt uint32) time.Time {
	var last time.Time
	for _, f := range files {
		if f.Attempt == attempt && f.Rotated.After(last) {
			last = f.Rotated
		}
	}
	return last
}

// isLast tells whether a file is the one to end with, which may have been rotated since.
func (h *history) isLast(f File) bool {
	switch {
	case f.Attempt != h.last.Attempt:
		return f.Attempt > h.last.Attempt
	case f.ID != (ID{}) && f.ID.Is(h.last.ID):
		return true
	case h.last.Current():
		return f.Current() || f.Key != "" && f.Rotated.After(h.lastBefore)
	default:
		return f.Key != "" && f.Key == h.last.Key || h.isPast(f)
	}
}

// isPast tells whether a file came after the one to end with.
func (h *history) isPast(f File) bool {
	switch {
	case f.Attempt != h.last.Attempt:
		return f.Attempt > h.last.Attempt
	case h.last.Current():
		return false
	default:
		return f.Current() || f.Rotated.After(h.last.Rotated)
	}
}

// written is until when a file was written to, as far as that is known; zero: it is not.
func written(f File) time.Time {
	if f.Compression == Plain && f.LastWrite.After(f.Rotated) || f.Key == "" {
		return f.LastWrite
	}
	return f.Rotated // a compressed file may bear the time of its compression
}

// succeeded is a time before which nothing was written to the files that follow, as far as that is
// known.
func (p *place) succeeded() time.Time {
	switch {
	case p.none:
		return time.Time{}
	case p.file.Key != "":
		return p.file.Rotated
	default:
		return p.file.LastWrite
	}
}
