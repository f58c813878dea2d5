package logreader

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// turn is called at the end of what there is. When it returns nil, reading goes on, perhaps with
// another file.
func (h *history) turn(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if grew := h.at.offset != h.looked; grew && !h.at.settled && !h.at.moved && h.o.Follow {
		h.looked = h.at.offset
		return h.waitBriefly(ctx) // most likely for more of it
	}
	return h.lookAround(ctx)
}

// lookAround looks what has become of the log.
func (h *history) lookAround(ctx context.Context) error {
	if !h.o.Follow && h.isLast(h.at.file) && (h.at.settled || h.at.file.Current()) {
		return h.end()
	}
	if h.next != nil { // it was the next one when its file was opened, so it still is
		return h.enter(ctx, h.next)
	}
	if h.from < len(h.files) && !h.at.file.Current() && !h.at.moved {
		return h.leave(ctx)
	}
	now, err := h.list(ctx)
	if err != nil {
		return err
	}
	from, gap, err := h.after(ctx, now.Files)
	switch {
	case errors.Is(err, errReopened):
		return nil
	case errors.Is(err, errAgain) && h.missed < beginAttempts:
		h.missed++
		return Pause(ctx, time.Millisecond)
	case err != nil && !errors.Is(err, errAgain):
		return err
	}
	if vanished := h.hasVanished(now.Files[from:]); (gap || vanished) && h.at.settled {
		h.o.Warn(&GapError{Container: h.c, After: h.at.file.Name})
	}
	later := len(now.Files) - from
	switch {
	case later == 0 && !now.Ended && h.o.Follow:
		return h.wait(ctx)
	case later == 0 && !h.at.settled && now.Ended:
		return h.settle(ctx)
	case later == 0:
		return h.end()
	}
	h.files, h.from = now.Files, from
	return h.leave(ctx)
}

// leave goes on with the file that follows, once the present one is settled.
func (h *history) leave(ctx context.Context) error {
	switch {
	case !h.at.settled:
		return h.settle(ctx)
	case h.isBeyond(h.at.succeeded()) || !h.o.Follow && h.isPast(h.files[h.from]):
		return h.end()
	}
	return h.open(ctx)
}

// wait waits for something new.
func (h *history) wait(ctx context.Context) error {
	if !h.o.Until.IsZero() && time.Now().After(h.o.Until.Add(margin)) {
		return h.end()
	}
	return h.idle(ctx)
}

// idle waits for something new, whatever bounds there are.
func (h *history) idle(ctx context.Context) error {
	if err := h.o.Idle(); err != nil {
		return err
	}
	return h.bell.Wait(ctx)
}

// brief is how long more of a file is waited for before a successor is looked for: the events
// of its rotation may have come before its last lines were read.
const brief = 20 * time.Millisecond

func (h *history) waitBriefly(ctx context.Context) error {
	briefly, cancel := context.WithTimeout(ctx, brief)
	defer cancel()
	if err := h.idle(briefly); err != nil && briefly.Err() == nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

const (
	// settlePause is the time between two questions whether a file is still written to: a
	// runtime closes it some milliseconds after it was told to open another.
	settlePause = 5 * time.Millisecond
	// patience is how long a file that has a successor and does not grow is waited for, when
	// following and when not.
	patience, shortPatience = 10 * time.Second, time.Second
)

// settle makes sure that nobody writes to the present file, which has a successor.
func (h *history) settle(ctx context.Context) error {
	p := h.at
	settled, err := p.moved, error(nil)
	if !settled {
		settled, err = p.handle.Settled()
	}
	switch now := time.Now(); {
	case errors.Is(err, fs.ErrNotExist):
		p.moved = true // where to, the next listing tells
		return nil
	case err != nil:
		h.giveUp(err)
		return nil
	case p.doubtful.IsZero() || p.offset != p.doubtfulAt:
		p.doubtful, p.doubtfulAt = now, p.offset
	case now.Sub(p.doubtful) > h.patience():
		settled = true
	}
	if p.settled = settled; settled {
		return nil
	}
	if h.o.Follow { // or else there are later lines, and others wait for those
		if err := h.o.Idle(); err != nil {
			return err
		}
	}
	return Pause(ctx, settlePause)
}

func (h *history) patience() time.Duration {
	if h.o.Follow {
		return patience
	}
	return shortPatience
}
