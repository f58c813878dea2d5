package logfile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	scanBatch    = 256 // names read at a time, so that a flooded directory costs no memory
	scanAttempts = 10  // looks at a directory that keeps changing
)

// Scan reads the directory and sorts out everything that belongs to the log current
// ("1.log") and nothing else: "11.log" and "1.log2" are others. If a file vanishes
// between being listed and being looked at, it may have got another name meanwhile, and
// the directory is read again.
func (d *Dir) Scan(current string) (Log, error) {
	if err := checkNames("log", current); err != nil {
		return Log{}, err
	}
	for attempts := 1; ; attempts++ {
		log, err := d.scanOnce(current)
		if err == nil || !errors.Is(err, errVanished) || attempts == scanAttempts {
			return log, err
		}
	}
}

var errVanished = errors.New("files came or went while the directory was read")

func (d *Dir) scanOnce(current string) (Log, error) {
	names, err := d.namesOf(current)
	if err != nil {
		return Log{}, err
	}
	var log Log
	for _, name := range names {
		if err := d.sortInto(&log, current, name); err != nil {
			return Log{}, err
		}
	}
	slices.SortFunc(log.Rotated, func(a, b File) int {
		return cmp.Or(a.Stamp.Compare(b.Stamp), strings.Compare(a.Name, b.Name))
	})
	return log, nil
}

// sortInto looks at name and puts it where it belongs.
func (d *Dir) sortInto(log *Log, current, name string) error {
	r, ok := parseRotatedName(current, name)
	if !ok && name != current {
		log.Foreign = append(log.Foreign, name)
		return nil
	}
	info, err := d.Stat(name)
	switch {
	case errors.Is(err, ErrUnsafe):
		log.Unsafe = append(log.Unsafe, name)
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", errVanished, err)
	case err != nil:
		return err
	}
	f := File{Name: name, Compression: r.compression, Info: info}
	switch {
	case name == current:
		log.Current = &f
	case r.temporary:
		log.Temporary = append(log.Temporary, f)
	default:
		f.Stamp = r.order(info.ModTime, d.root.zone)
		log.Rotated = append(log.Rotated, f)
	}
	return nil
}

// namesOf lists current and everything that begins with it and a dot.
func (d *Dir) namesOf(current string) (names []string, err error) {
	// A descriptor of its own, since the position in the listing belongs to it.
	fd, err := d.openat(".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, d.failed("list", ".", err)
	}
	listing := os.NewFile(uintptr(fd), d.path)
	defer func() { err = errors.Join(err, listing.Close()) }()
	for {
		batch, err := listing.Readdirnames(scanBatch)
		for _, name := range batch {
			if name == current || strings.HasPrefix(name, current+".") {
				names = append(names, name)
			}
		}
		if errors.Is(err, io.EOF) {
			slices.Sort(names)
			return names, nil
		}
		if err != nil {
			return nil, d.failed("list", ".", err)
		}
	}
}
