package logfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Reader reads the whole log current as one stream: the rotated files oldest first,
// decompressed, then the current one to where it ends when it is reached. All files are
// opened before the first byte is read, so that a rotation, a compression or a removal
// meanwhile takes nothing away and doubles nothing.
//
// A plain file is read rather than its compressed namesake. A compressed file that is
// damaged ends the stream with an error that names it. ErrUnsafe if a part of the log
// must not be touched.
func (d *Dir) Reader(current string) (io.ReadCloser, error) {
	for attempts := 1; ; attempts++ {
		r, err := d.openAll(current)
		again := errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrChanged) || errors.Is(err, errVanished)
		if err == nil {
			return r, nil
		}
		if lost, _ := d.Lost(); lost || !again || attempts == scanAttempts {
			return nil, err
		}
	}
}

// openAll opens the files of one moment: if no name has come or gone between before the
// look at the files and after all were opened, no rotation fell in between.
func (d *Dir) openAll(current string) (*reader, error) {
	before, err := d.names(only(current))
	if err != nil {
		return nil, err
	}
	log, err := d.Scan(current)
	if err != nil {
		return nil, err
	}
	r, err := d.openFiles(log)
	if err != nil {
		return nil, err
	}
	after, err := d.names(only(current))
	if err == nil && !slices.Equal(before[current], after[current]) {
		err = d.failed("read", current, errVanished)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (d *Dir) openFiles(log Log) (*reader, error) {
	if len(log.Unsafe) > 0 {
		return nil, d.failed("read", strings.Join(log.Unsafe, `", "`), ErrUnsafe)
	}
	files := withoutTwins(log.Rotated)
	if log.Current != nil {
		files = append(files, *log.Current)
	}
	r := &reader{}
	for _, f := range files {
		opened, err := d.openID(f.Name, f.ID)
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		r.files = append(r.files, openFile{opened, f.Compression})
	}
	return r, nil
}

// withoutTwins leaves out the compressed files whose source is still there.
func withoutTwins(rotated []File) []File {
	plain := map[string]bool{}
	for _, f := range rotated {
		plain[f.Name] = f.Compression == Plain
	}
	var files []File
	for _, f := range rotated {
		if f.Compression == Plain || !plain[strings.TrimSuffix(f.Name, f.Compression.Suffix())] {
			files = append(files, f)
		}
	}
	return files
}

type openFile struct {
	*os.File
	compression Compression
}

// reader reads files one after the other. Those that are read through are closed.
type reader struct {
	files   []openFile    // the first is being read
	decoder io.ReadCloser // of the first; nil: not begun
	err     error         // the first error, for ever
}

func (r *reader) Read(p []byte) (int, error) {
	for r.err == nil && len(r.files) > 0 {
		if r.decoder == nil {
			r.decoder, r.err = newDecoder(r.files[0], r.files[0].compression)
			if r.err != nil {
				r.decoder, r.err = nil, r.failed(r.err)
				break
			}
		}
		n, err := r.decoder.Read(p)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, io.EOF):
			r.err = r.next()
		default:
			r.err = r.failed(err)
		}
		if n > 0 {
			return n, nil
		}
	}
	if r.err != nil {
		return 0, r.err
	}
	return 0, io.EOF
}

func (r *reader) failed(err error) error {
	return fmt.Errorf("read %q: %w", r.files[0].Name(), err)
}

// next closes the first file.
func (r *reader) next() error {
	if r.decoder != nil {
		_ = r.decoder.Close()
	}
	err := r.files[0].Close()
	r.files, r.decoder = r.files[1:], nil
	return err
}

// Close closes what has not been read.
func (r *reader) Close() error {
	var err error
	for len(r.files) > 0 {
		err = errors.Join(err, r.next())
	}
	if r.err == nil {
		r.err = fs.ErrClosed
	}
	return err
}
