package logreader

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// open goes on with the file that follows, if that can be opened.
func (h *history) open(ctx context.Context) error {
	f := h.files[h.from]
	p, err := h.openAt(ctx, h.files, h.from, 0)
	if errors.Is(err, fs.ErrNotExist) && h.missed < beginAttempts {
		h.missed++
		h.gone = &f
		h.files, h.from = nil, 0
		return Pause(ctx, time.Millisecond) // it has another name by now: look again
	}
	h.missed = 0
	return h.enterOrPass(ctx, p, err)
}

// enterOrPass goes on with p, the file at from, or if that could not be opened, tells of it and is at
// its end.
func (h *history) enterOrPass(ctx context.Context, p *place, err error) error {
	switch {
	case ctx.Err() != nil:
		return errors.Join(context.Cause(ctx), p.close())
	case err != nil:
		f := h.files[h.from]
		h.o.Warn(&FileError{Container: h.c, Name: f.Name, Err: err})
		p = &place{file: f, settled: true, failed: true}
	}
	return h.enter(ctx, p)
}

// openAt opens the file at from, behind so many bytes of its text.
func (h *history) openAt(ctx context.Context, files []File, from int, offset int64) (*place, error) {
	f := files[from]
	p, err := openPlace(ctx, h.src, h.c, f, offset)
	if err != nil {
		return nil, err
	}
	p.before = latest(files[:from], f.Attempt)
	if !p.isNameless() {
		return p, nil
	}
	// Where only the name tells that it is this file, it is if none was rotated since.
	now, err := h.list(ctx)
	if err == nil && latest(now.Files, f.Attempt).After(p.before) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// openAhead begins to decompress the file that follows, if the present one is being decompressed.
func (h *history) openAhead(ctx context.Context) {
	if h.from >= len(h.files) || h.at.ahead == nil || h.files[h.from].Compression == Plain {
		return
	}
	if h.isBeyond(h.at.succeeded()) || !h.o.Follow && h.isLast(h.at.file) {
		return
	}
	if p, err := openPlace(ctx, h.src, h.c, h.files[h.from], 0); err == nil { // or else it will be told of later
		h.next = p
	}
}

// enter goes on with p, the file at from.
func (h *history) enter(ctx context.Context, p *place) error {
	err := h.at.close()
	h.at, h.next, h.looked = p, nil, p.offset
	h.from++
	h.openAhead(ctx)
	switch {
	case h.lines == nil:
		h.startAttempt()
	case h.origin.Attempt != p.file.Attempt:
		h.flushing = true // and then another attempt's lines begin
	default:
		h.lines.Continue(p)
	}
	if err != nil {
		return &FileError{Container: h.c, Name: p.file.Name, Err: err}
	}
	return nil
}
