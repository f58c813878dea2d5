package logreader

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"

	"github.com/cri-logshim/cri-logshim/logmgr/logline"
)

// tail finds where the last lines begin that are wanted: backwards, and of plain files only
// what is needed of their ends. A compressed file is read through to count its lines, and once
// more if they begin in it. A file that cannot be read has none of them; reading comes to it later
// and tells.
func (h *history) tail(ctx context.Context, files []File) (start, error) {
	wanted := h.o.Tail
	oldest := h.firstSince(files)
	for i := len(files) - 1; i >= oldest; i-- {
		begin, counted, err := h.tailOf(ctx, files[i], wanted, i < len(files)-1)
		if err := passed(ctx, err); err != nil {
			return start{}, err
		}
		if begin != nil {
			begin.index = i
			return *begin, nil
		}
		wanted -= counted
	}
	return start{index: oldest}, nil
}

// passed is what has gone wrong with a file while the beginning was looked for, if that is no
// matter of the file: it has another name by now, or nobody wants it any longer.
func passed(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, fs.ErrNotExist):
		return err
	default:
		return nil
	}
}

// counts tells whether a record is one of those by which the last lines are counted: the end of
// one, or what is no record, as that is shown, too. Within bounds of time the latter is not
// counted, since it has the time of a line that may not have been read.
func (o *Options) counts(rec logline.Record) bool {
	if rec.Err != nil {
		return o.Since.IsZero() && o.Until.IsZero()
	}
	return !rec.Partial && o.matches(rec.Stream, rec.Time)
}

// tailOf finds where in a file the last lines that are wanted begin; nil: it has no more than counted
// of them. What has no end counts if another file follows.
func (h *history) tailOf(ctx context.Context, f File, wanted int64, followed bool) (begin *start, counted int64, err error) {
	if f.Compression == Plain {
		return h.tailOfPlain(ctx, f, wanted, followed)
	}
	counted, err = h.countOf(ctx, f) // what can be read of a damaged one
	// One line more than is wanted has to be seen: the first one may have begun in the file before.
	if counted > wanted {
		begin = &start{skip: counted - wanted}
	}
	return begin, counted, err
}

func (h *history) tailOfPlain(ctx context.Context, f File, wanted int64, followed bool) (begin *start, counted int64, err error) {
	handle, err := h.src.Open(ctx, h.c, f)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, handle.Close()) }()
	size, err := handle.Size()
	if err != nil {
		return nil, 0, err
	}
	b := &backward{r: handle, end: size}
	for {
		rec, err := b.previous()
		switch {
		case errors.Is(err, io.EOF):
			return nil, counted, nil
		case err != nil:
			return nil, 0, err
		case rec.Err == nil && !h.o.Since.IsZero() && rec.Time.Before(h.o.Since.Add(-margin)):
			return &start{offset: b.after}, counted, nil
		case !h.o.counts(rec), errors.Is(rec.Err, logline.ErrTorn) && !followed:
			continue
		case counted < wanted:
			counted++
			continue
		}
		offset, skip, err := h.beginOf(b, rec.Stream)
		if err != nil {
			return nil, counted, err
		}
		return &start{offset: offset, skip: skip}, counted, nil
	}
}

// pieceRoom is how far back the first piece of a line is looked for, in bytes, when lines of the
// other stream are between its pieces.
const pieceRoom = 64 << 10

// beginOf is where to begin so that the first line of either stream is whole, if it begins in
// this file. The line before those that are wanted ends with the record that b has given last, and
// is of that stream, or of none; what is skipped then are the lines that end up to there.
func (h *history) beginOf(b *backward, stream logline.Stream) (offset, skip int64, err error) {
	behind := b.after
	b.floor = behind - pieceRoom
	if h.o.Stream != logline.None && stream != logline.None {
		return behind, 0, nil
	}
	offset, ends := behind, int64(1)
	for {
		rec, err := b.previous()
		switch {
		case errors.Is(err, io.EOF):
			return offset, skip, nil
		case err != nil:
			return 0, 0, err
		case stream == logline.None && !rec.Partial:
			stream = rec.Stream
		case rec.Err == nil && rec.Stream != stream && !rec.Partial:
			return offset, skip, nil
		case rec.Err == nil && rec.Stream != stream:
			offset, skip = b.end, ends
		}
		if h.o.counts(rec) {
			ends++
		}
	}
}

// errDamaged marks a file that could be counted in part.
var errDamaged = errors.New("damaged")

// countOf is how many of a compressed file's lines are wanted.
func (h *history) countOf(ctx context.Context, f File) (count int64, err error) {
	handle, err := h.src.Open(ctx, h.c, f)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, handle.Close()) }()
	text := newAhead(ctx, handle, f.Compression)
	defer text.close()
	in := bufio.NewReaderSize(text, mostRecord)
	for {
		b, err := in.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) && len(bytes.Trim(b, blanks)) == 0 {
			b, err = in.ReadSlice('\n') // a hole, which comes before a record and is no part of it
		}
		ended := err == nil
		if b = bytes.TrimLeft(bytes.TrimSuffix(b, []byte{'\n'}), blanks); len(b) > 0 {
			rec := logline.ParseRecord(b)
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = in.ReadSlice('\n')
				ended = err == nil
			}
			if !ended {
				rec.Err = logline.ErrTorn
			}
			if h.o.counts(rec) {
				count++
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return count, nil
		case ctx.Err() != nil:
			return 0, context.Cause(ctx)
		default:
			return count, errDamaged // which reading it tells of, if it comes to that
		}
	}
}
