package logfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// Repair is one thing that Heal did, for the operator's log.
type Repair struct {
	Name string // the file that was removed or renamed
	What string // what was done and why
}

// Heal repairs what a crash, ours or kubelet's, has left of the log current. It never
// removes bytes that are not also elsewhere, and leaves alone what somebody is writing:
//
//   - an unfinished compression is removed;
//   - two names of one file (a rename made of link and unlink was cut short): the older
//     name goes, and for the current log that is finishing its rotation;
//   - X and X.gz: if X.gz decodes to its end and holds all of X, it is made durable and X
//     goes. If all that X.gz yields is in X, X.gz goes: kubelet leaves a cut one when the
//     disk is full. If the two are different logs (kubelet uses a name twice in the hour
//     that repeats in autumn), X gets the next stamp, so that both stay, in order.
//
// The repairs that succeeded are returned also with an error.
func (d *Dir) Heal(ctx context.Context, current string) ([]Repair, error) {
	h := healer{Dir: d, current: current}
	log, err := d.Scan(current)
	if err != nil {
		return nil, err
	}
	h.temporaries(log.Temporary)
	if h.twins(log.Unsafe) {
		if log, err = d.Scan(current); err != nil {
			return h.done, errors.Join(append(h.errs, err)...)
		}
	}
	h.pairs(ctx, log.Rotated)
	if len(h.done) > 0 {
		h.note(d.Sync())
	}
	return h.done, errors.Join(h.errs...)
}

// healer gathers what one Heal has done.
type healer struct {
	*Dir
	current string
	done    []Repair
	errs    []error
}

// note keeps an error; what is being written or has gone by itself is none.
func (h *healer) note(err error) bool {
	if err != nil && !errors.Is(err, ErrHeld) && !errors.Is(err, fs.ErrNotExist) {
		h.errs = append(h.errs, err)
	}
	return err == nil
}

func (h *healer) did(name, what string) { h.done = append(h.done, Repair{Name: name, What: what}) }

func (h *healer) temporaries(files []File) {
	for _, f := range files {
		if h.note(h.RemoveTemporary(f.Name)) {
			h.did(f.Name, "removed: unfinished compression")
		}
	}
}

// twins takes the older of two names off each file that has exactly two, both in this log.
// names are sorted, so the current name comes before any rotated one.
func (h *healer) twins(names []string) bool {
	fd, err := h.dir.acquire()
	if !h.note(err) {
		return false
	}
	defer h.dir.release()
	seen := map[ID]string{}
	healed := false
	for _, name := range names {
		var st unix.Stat_t
		if !h.note(lstat(fd, name, &st)) {
			continue
		}
		if uint64(st.Nlink)-h.twinLinks(name, idOf(&st)) != maxLinks+1 { //nolint:unconvert // 32 bits wide on arm64
			continue
		}
		older, twice := seen[idOf(&st)]
		seen[idOf(&st)] = name
		if !twice {
			continue
		}
		kept := name
		if isTemporaryName(name) { // sorts behind what it was to become
			older, kept = name, older
		}
		st.Nlink = maxLinks // all names are ours: judge the rest
		if h.note(h.check(name, &st)) && h.note(ignoringEINTR(func() error { return unix.Unlinkat(fd, older, 0) })) {
			h.did(older, fmt.Sprintf("removed: the same file as %q, a rename was cut short", kept))
			healed = true
		}
	}
	return healed
}

func (h *healer) pairs(ctx context.Context, rotated []File) {
	byName := make(map[string]File, len(rotated))
	for _, f := range rotated {
		byName[f.Name] = f
	}
	for _, plain := range rotated {
		if plain.Compression != Plain {
			continue
		}
		for _, c := range []Compression{Gzip, Zstd} {
			if compressed, ok := byName[plain.Name+c.Suffix()]; ok {
				h.note(h.pair(ctx, plain, compressed))
				break // the other one's turn is at the next Heal, with what is then there
			}
		}
	}
}

func (h *healer) pair(ctx context.Context, plain, compressed File) (err error) {
	x, err := h.openID(plain.Name, plain.ID)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	z, err := h.openID(compressed.Name, compressed.ID)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, z.Close()) }()
	if err := errors.Join(h.unchanged(plain.Name, x, plain.Size), h.unchanged(compressed.Name, z, compressed.Size)); err != nil {
		return err
	}
	found, err := compare(ctx, x, z, compressed.Compression)
	if err != nil {
		return h.failed("compare", compressed.Name, err)
	}
	switch found {
	case compressedHasAll:
		if err := errors.Join(z.Sync(), h.Sync(), h.unchanged(plain.Name, x, plain.Size)); err != nil {
			return err
		}
		if plain.Links > maxLinks {
			if err := h.linkTwin(compressed.Name, compressed.ID); err != nil {
				return err
			}
		}
		if err := h.Remove(plain.Name, plain.ID); err != nil {
			return err
		}
		h.did(plain.Name, fmt.Sprintf("removed: %q holds all of it", compressed.Name))
	case plainHasAll:
		if err := h.verify(plain.Name, plain.ID); err != nil {
			return err
		}
		if err := h.Remove(compressed.Name, compressed.ID); err != nil {
			return err
		}
		h.did(compressed.Name, fmt.Sprintf("removed: incomplete, %q holds all of it", plain.Name))
	case different:
		return h.separate(plain)
	}
	return nil
}

// separate gives plain the next free stamp.
func (h *healer) separate(plain File) error {
	stamp := plain.Stamp
	for {
		stamp = stamp.Next(time.Time{})
		name := RotatedName(h.current, stamp)
		err := h.Rename(plain.Name, name, plain.ID)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			h.did(plain.Name, fmt.Sprintf("renamed to %q: its compressed namesake is another log", name))
		}
		return err
	}
}

// relation is how a plain file and the compressed one of the same name belong together.
type relation int

const (
	different        relation = iota // neither holds all of the other
	compressedHasAll                 // it decodes to its end and begins with all of the plain one
	plainHasAll                      // it begins with all that the compressed one yields
)

// compare reads both to the end, or to the first difference, in bounded memory. Errors
// of reading are returned; that the compressed one is damaged is a finding.
func compare(ctx context.Context, plain, compressed io.Reader, c Compression) (_ relation, err error) {
	plain = cancelable{ctx, plain}
	var damage error
	decoder, err := newDecoder(compressed, c)
	if err != nil {
		decoder, damage = io.NopCloser(bytes.NewReader(nil)), err
	}
	defer func() { _ = decoder.Close() }()
	a, b := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, errA := fill(plain, a)
		m, errB := fill(decoder, b)
		if errA != nil && errA != io.EOF { //nolint:errorlint // fill passes on a bare one
			return different, errA
		}
		if errB != nil && errB != io.EOF { //nolint:errorlint // fill passes on a bare one
			damage = errB
		}
		if damage != nil && isReadError(damage) {
			return different, damage
		}
		shorter := min(n, m)
		switch {
		case !bytes.Equal(a[:shorter], b[:shorter]):
			return different, nil
		case errA == nil && errB == nil:
			continue
		case m < n || m == n && damage != nil:
			return plainHasAll, nil
		case damage != nil:
			return different, nil
		}
		// All of the plain one is there. The rest of the compressed one must be sound too.
		if errB == nil {
			_, damage = io.Copy(io.Discard, cancelable{ctx, decoder})
		}
		if ctx.Err() != nil || isReadError(damage) {
			return different, errors.Join(damage, ctx.Err())
		}
		if damage != nil {
			return different, nil
		}
		return compressedHasAll, nil
	}
}

// fill reads until p is full or r ends; unlike io.ReadFull it tells an end (io.EOF) from a
// decoder's io.ErrUnexpectedEOF.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	return n, err
}

// isReadError tells an error of the file system from one of the decoder.
func isReadError(err error) bool {
	var pathError *fs.PathError
	return errors.As(err, &pathError)
}
