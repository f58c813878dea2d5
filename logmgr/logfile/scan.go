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

	"github.com/cri-logshim/cri-logshim/logmgr/logname"
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
	logs, err := d.scan(only(current))
	if err != nil || len(logs) == 0 {
		return Log{Name: current}, err
	}
	return logs[0], nil
}

// ScanAttempts is Scan for all logs "<attempt>.log" in the directory, in the order of
// their attempts. Of some of them there may be rotated files only.
func (d *Dir) ScanAttempts() ([]Log, error) {
	logs, err := d.scan(attemptOf)
	slices.SortFunc(logs, func(a, b Log) int {
		first, _ := logname.ParseCurrent(a.Name)
		second, _ := logname.ParseCurrent(b.Name)
		return cmp.Compare(first, second)
	})
	return logs, err
}

// only assigns to the log current what belongs to it.
func only(current string) func(name string) (string, bool) {
	return func(name string) (string, bool) {
		return current, name == current || strings.HasPrefix(name, current+".")
	}
}

// attemptOf returns the attempt's log to which the name of a file belongs.
func attemptOf(name string) (current string, ok bool) {
	current, _, ok = logname.CurrentOf(name)
	return current, ok
}

// scan sorts out all logs to which belong assigns names of the directory.
func (d *Dir) scan(belongs func(name string) (current string, ok bool)) ([]Log, error) {
	for attempts := 1; ; attempts++ {
		logs, err := d.scanOnce(belongs)
		if err == nil || !errors.Is(err, errVanished) || attempts == scanAttempts {
			return logs, err
		}
	}
}

var errVanished = errors.New("files came or went while the directory was read")

func (d *Dir) scanOnce(belongs func(name string) (current string, ok bool)) ([]Log, error) {
	names, err := d.names(belongs)
	if err != nil {
		return nil, err
	}
	var logs []Log
	for current, names := range names {
		log := Log{Name: current}
		for _, name := range names {
			if err := d.sortInto(&log, current, name); err != nil {
				return nil, err
			}
		}
		slices.SortFunc(log.Rotated, func(a, b File) int {
			return cmp.Or(a.Stamp.Compare(b.Stamp), strings.Compare(a.Name, b.Name))
		})
		logs = append(logs, log)
	}
	return logs, nil
}

// sortInto looks at name and puts it where it belongs.
func (d *Dir) sortInto(log *Log, current, name string) error {
	r, ok := logname.ParseRotated(current, name)
	info, err := d.Stat(name)
	if !ok && name != current {
		return log.addForeign(File{Name: name, Info: info}, err)
	}
	switch {
	case errors.Is(err, ErrUnsafe):
		log.Unsafe = append(log.Unsafe, name)
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", errVanished, err)
	case err != nil:
		return err
	}
	f := File{Name: name, Compression: r.Compression, Info: info}
	switch {
	case name == current:
		log.Current = &f
	case r.Temporary:
		log.Temporary = append(log.Temporary, f)
	default:
		f.Stamp = orderOf(r, info.ModTime, d.root.zone)
		log.Rotated = append(log.Rotated, f)
	}
	return nil
}

// addForeign adds what is nobody's rotated file, with the error of looking at it. One
// that has gone is no reason to look again: conmon's "<current>.tmp" comes and goes.
func (l *Log) addForeign(f File, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil && !errors.Is(err, ErrUnsafe):
		return err
	}
	l.Foreign = append(l.Foreign, f)
	return nil
}

// names lists what belongs to a log, by that log's name.
func (d *Dir) names(belongs func(name string) (current string, ok bool)) (names map[string][]string, err error) {
	// A descriptor of its own, since the position in the listing belongs to it.
	fd, err := d.openat(".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, d.failed("list", ".", err)
	}
	listing := os.NewFile(uintptr(fd), d.Path())
	defer func() { err = errors.Join(err, listing.Close()) }()
	names = map[string][]string{}
	for {
		batch, err := listing.Readdirnames(scanBatch)
		for _, name := range batch {
			if current, ok := belongs(name); ok {
				names[current] = append(names[current], name)
			}
		}
		if errors.Is(err, io.EOF) {
			for _, list := range names {
				slices.Sort(list)
			}
			return names, nil
		}
		if err != nil {
			return nil, d.failed("list", ".", err)
		}
	}
}
