package logfile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/logname"
)

const (
	copyBuffer  = 256 << 10 // bytes read at a time; a cancelled context is seen in between
	writeBuffer = 64 << 10  // bytes written at a time: an encoder itself may write a few
)

// Compress puts a compressed file in the place of the rotated file f and returns it. On
// any error the source stays and nothing of the result does; only if somebody else takes
// the source away meanwhile does the result stay. The steps, each of which
// may be the last before a crash, which Heal then repairs:
//
//	openat   X.gz.tmp   O_EXCL; owner, mode
//	write    X.gz.tmp
//	fsync    X.gz.tmp   mtime before it, close after it
//	renameat2 X.gz.tmp → X.gz   RENAME_NOREPLACE
//	fsync    the directory
//	linkat   X.gz → its twin   only if X has one
//	unlinkat X's twin
//	unlinkat X          only if it is still the same file, with the size that was read, and nobody writes it
//
// Errors: ErrHeld if X is open for writing, ErrGrown if it was written to meanwhile,
// ErrChanged if f is no longer what bears the name, fs.ErrExist if X.gz is there (call
// Heal first), errors.ErrUnsupported on a file system without leases, and the context's.
func (d *Dir) Compress(ctx context.Context, f File, c Compression) (_ File, err error) {
	if f.Compression != Plain || f.Stamp.IsZero() || c.Suffix() == "" {
		return File{}, d.failed("compress as "+string(c), f.Name, errors.ErrUnsupported)
	}
	source, err := d.openID(f.Name, f.ID)
	if err != nil {
		return File{}, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	if err := d.unchanged(f.Name, source, -1); err != nil {
		return File{}, err
	}
	name := f.Name + c.Suffix()
	id, size, err := d.writeCompressed(ctx, source, name+logname.TemporarySuffix, c)
	if err == nil {
		err = d.unchanged(f.Name, source, size)
	}
	if err == nil {
		err = d.Rename(name+logname.TemporarySuffix, name, id)
	}
	if err != nil {
		return File{}, errors.Join(err, d.discard(name+logname.TemporarySuffix, id))
	}
	if err := d.replaceSource(f, source, size, name, id); err != nil {
		return File{}, err
	}
	info, err := d.Stat(name)
	return File{Name: name, Stamp: f.Stamp, Compression: c, Info: info}, err
}

// replaceSource removes the source once its replacement, name, is durable, or else the
// replacement, but only while the source is there: somebody else may have taken it away,
// as kubelet does with any X that has an X.gz.
func (d *Dir) replaceSource(f File, source *os.File, size int64, name string, id ID) error {
	err := d.Sync()
	if err == nil {
		err = d.unchanged(f.Name, source, size)
	}
	if err == nil && d.twinLinks(f.Name, f.ID) > 0 {
		err = d.linkTwin(name, id)
	}
	if err == nil {
		err = d.Remove(f.Name, f.ID)
	}
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return nil
	case d.verify(f.Name, f.ID) == nil:
		return errors.Join(err, d.discard(name, id))
	}
	return err
}

// unchanged makes sure that the open file has size bytes (-1: any) and will not get more.
// The probe comes first: once nobody writes, the size is final, because nobody opens a
// rotated file for writing.
func (d *Dir) unchanged(name string, source *os.File, size int64) error {
	held, err := heldForWriting(source)
	if err != nil {
		return d.failed("probe", name, err)
	}
	if held {
		return d.failed("compress", name, ErrHeld)
	}
	st, err := source.Stat()
	if err != nil {
		return d.failed("stat", name, err)
	}
	if size >= 0 && st.Size() != size {
		return d.failed("compress", name, ErrGrown)
	}
	return nil
}

// discard removes a result that is not to be; nothing to do if there is none.
func (d *Dir) discard(name string, id ID) error {
	if id == (ID{}) {
		return nil
	}
	if err := d.Remove(name, id); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// writeCompressed writes source compressed into a new file tmp, durably, with the
// source's owner, mode and time. It returns the identity of tmp as soon as it exists, also
// with an error, and how many bytes of the source are in it.
func (d *Dir) writeCompressed(ctx context.Context, source *os.File, tmp string, c Compression) (id ID, size int64, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(source.Fd()), &st); err != nil {
		return ID{}, 0, d.failed("stat", source.Name(), err)
	}
	out, id, err := d.create(tmp)
	if err != nil {
		return id, 0, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := errors.Join(out.Chown(int(st.Uid), int(st.Gid)), out.Chmod(fs.FileMode(st.Mode)&fs.ModePerm)); err != nil {
		return id, 0, err
	}
	if size, err = d.root.encode(ctx, out, source, c); err != nil {
		return id, 0, d.failed("compress", source.Name(), err)
	}
	times := []unix.Timespec{st.Atim, st.Mtim}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, procFD(out), times, 0); err != nil {
		return id, 0, d.failed("set times of", tmp, err)
	}
	if err := out.Sync(); err != nil {
		return id, 0, err
	}
	dropCache(source, 0, 0)
	dropCache(out, 0, 0)
	return id, size, nil
}

// create makes the new file tmp. A leftover of that name is removed first, unless
// somebody is writing it.
func (d *Dir) create(tmp string) (*os.File, ID, error) {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL
	fd, err := d.openat(tmp, flags, 0o600)
	if errors.Is(err, fs.ErrExist) {
		if err := d.RemoveTemporary(tmp); err != nil {
			return nil, ID{}, err
		}
		fd, err = d.openat(tmp, flags, 0o600)
	}
	if err != nil {
		return nil, ID{}, d.failed("create", tmp, err)
	}
	f := os.NewFile(uintptr(fd), d.Path()+"/"+tmp)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, ID{}, errors.Join(d.failed("stat", tmp, err), f.Close(), d.RemoveTemporary(tmp))
	}
	return f, idOf(&st), nil
}

// encode copies source into out through an encoder and returns how much it read, in bytes.
func (r *Root) encode(ctx context.Context, out, source *os.File, c Compression) (_ int64, err error) {
	buffer := bufio.NewWriterSize(&dropping{file: out, step: writeOut}, writeBuffer)
	encoder, err := r.encoders.get(c, buffer)
	if err != nil {
		return 0, err
	}
	defer r.encoders.put(c, encoder)
	in := &restrained{r: cancelable{ctx, &dropping{file: source, step: dropCache}}, rest: r.Rest}
	// Without its own ReadFrom, the zstd encoder is fed in the same pieces as the other.
	size, err := io.CopyBuffer(struct{ io.Writer }{encoder}, in, make([]byte, copyBuffer))
	if err != nil {
		return 0, errors.Join(err, encoder.Close())
	}
	if err := encoder.Close(); err != nil {
		return 0, err
	}
	return size, buffer.Flush()
}

// restrained lets whoever reads through it rest between two pieces of work.
type restrained struct {
	r    io.Reader
	rest func(worked time.Duration) // nil: never
	from time.Time                  // when the work on what was read last began
}

func (r *restrained) Read(p []byte) (int, error) {
	if r.rest != nil && !r.from.IsZero() {
		r.rest(time.Since(r.from))
	}
	n, err := r.r.Read(p)
	r.from = time.Now()
	return n, err
}

// cancelable stops reading when its context is done.
type cancelable struct {
	ctx context.Context //nolint:containedctx // lives for one copy
	r   io.Reader
}

func (c cancelable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, fmt.Errorf("stopped: %w", context.Cause(c.ctx))
	}
	return c.r.Read(p)
}

// procFD is a path to the open file itself, for calls that only take paths.
func procFD(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }
