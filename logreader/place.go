package logreader

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"time"
)

// place is an open file, and how far reading it has come.
type place struct {
	file   File
	handle Handle // nil: it could not be opened, or there is no file yet
	ahead  *ahead // nil: the file is plain
	offset int64  // bytes of text that were read, or passed over
	failed bool   // what comes next cannot be read
	moved  bool   // by its name, the source can no longer open the file
	none   bool   // there is no file yet

	// head is the beginning of the text of a file that has no identity.
	head []byte
	// before is when the last file before this one was rotated, if this was current: what was
	// rotated later is this one or came after it.
	before time.Time
	// settled is whether nobody writes to the file any longer; doubtful is since when that
	// was asked in vain, without the file having grown beyond doubtfulAt.
	settled    bool
	doubtful   time.Time
	doubtfulAt int64
}

// openPlace opens a file, behind so many bytes of its text.
func openPlace(ctx context.Context, src Source, c Container, f File, offset int64) (*place, error) {
	handle, err := src.Open(ctx, c, f)
	if err != nil {
		return nil, err
	}
	p := &place{file: f, handle: handle, offset: offset}
	if err := p.begin(ctx); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func (p *place) begin(ctx context.Context) error {
	if p.isNameless() {
		p.head = make([]byte, headSize)
		n, err := p.handle.ReadAt(p.head, 0)
		p.head = p.head[:n]
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	if p.file.Compression == Plain {
		if p.offset == 0 {
			return nil
		}
		_, err := p.handle.Seek(p.offset, io.SeekStart)
		return err
	}
	p.settled = true
	p.ahead = newAhead(ctx, p.handle, p.file.Compression)
	_, err := io.CopyN(io.Discard, p.ahead, p.offset)
	return err
}

// Read gives the text of the file.
func (p *place) Read(b []byte) (n int, err error) {
	switch {
	case p.failed || p.moved || p.handle == nil:
		return 0, io.EOF
	case p.ahead != nil:
		n, err = p.ahead.Read(b)
	default:
		n, err = p.handle.Read(b)
	}
	if missing := headSize - len(p.head); missing > 0 && p.offset == int64(len(p.head)) && p.isNameless() {
		p.head = append(p.head, b[:min(n, missing)]...)
	}
	p.offset += int64(n)
	if errors.Is(err, fs.ErrNotExist) && !p.settled {
		p.moved, err = true, io.EOF
	}
	return n, err
}

// isNameless tells whether the file has neither an identity nor a name that will stay.
func (p *place) isNameless() bool { return p.file.ID == (ID{}) && p.file.Current() }

func (p *place) close() error {
	if p == nil {
		return nil
	}
	if p.ahead != nil {
		p.ahead.close()
	}
	if p.handle == nil {
		return nil
	}
	return p.handle.Close()
}

// is tells whether a file of a later listing is this one by what names it.
func (p *place) is(f File) bool {
	if f.Attempt != p.file.Attempt {
		return false
	}
	if p.file.ID != (ID{}) && f.ID.Is(p.file.ID) {
		return true
	}
	return p.file.Key != "" && f.Key == p.file.Key
}

// isCut tells whether there is less of the file, as it was listed last, than was read of it before.
func (p *place) isCut() bool {
	isPlain := p.ahead == nil && p.file.Compression == Plain // and was not compressed meanwhile
	return isPlain && p.handle != nil && !p.failed && p.file.ID != (ID{}) && p.file.Size < p.offset
}

// headSize is how much of two texts is compared to tell whether they are one: more than the
// time of a record, which has nanoseconds.
const headSize = 512

// isTextOf tells whether a file that has no name in common with this one has the same text, as
// one that was compressed under a name that nobody has seen it bear before.
func (p *place) isTextOf(ctx context.Context, src Source, c Container, f File) (_ bool, err error) {
	mine, err := p.beginning()
	if err != nil || len(mine) == 0 {
		return false, err
	}
	handle, err := src.Open(ctx, c, f)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, handle.Close()) }()
	var text io.Reader = handle
	if f.Compression != Plain {
		z, err := decoder(handle, f.Compression)
		if err != nil {
			return false, nil // damaged: reading it will tell
		}
		defer z.Close() //nolint:errcheck // it tells nothing that reading has not told
		text = z
	}
	theirs := make([]byte, len(mine))
	if _, err := fill(text, theirs); err != nil && !errors.Is(err, io.EOF) {
		return false, nil // as above
	}
	return bytes.Equal(mine, theirs), nil
}

// beginning is what the text begins with.
func (p *place) beginning() ([]byte, error) {
	if p.file.ID == (ID{}) || p.handle == nil || p.ahead != nil {
		return p.head, nil // by its name, the source may open another file by now
	}
	text := make([]byte, headSize)
	n, err := p.handle.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return text[:n], nil
}
