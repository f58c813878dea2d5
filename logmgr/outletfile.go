package logmgr

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// fileTick is within what time two changes of a directory may bear the same time.
const fileTick = time.Second

// outletFile is what was seen of the files that the runtime itself keeps of a container's
// output: the current one and, where it rotates them, <name>.1, <name>.2 and so on, the
// youngest first, or <name>.1.gz.
type outletFile struct {
	current   fileAge
	size      int64 // bytes of the current one
	disk      int64 // bytes on disk of the current one
	device    uint64
	rotations int64

	rotated rotatedFiles
	listed  time.Time // when they were listed
	changed time.Time // the directory's time of change then
}

// fileAge tells a file from one that has got its inode after it.
type fileAge struct {
	inode uint64
	born  time.Time // zero where the file system does not keep it
}

// rotatedFiles are a log's files beside the current one.
type rotatedFiles struct {
	disk    int64           // bytes
	numbers map[fileAge]int // of those that are not compressed
	taken   map[int]bool    // numbers that any file has
	pending int             // how many are not compressed, not even in part
	packed  []time.Time     // when the compressed ones were begun, as far as that is known
}

// reset forgets the files, but not how often they were rotated.
func (f *outletFile) reset() { *f = outletFile{rotations: f.rotations} }

// measure looks at the runtime's files of an outlet.
func (e *elsewhere) measure(o *outlet) {
	rotations, err := o.look(e.m.Now())
	e.m.metrics.elsewhereRotations.Add(float64(rotations))
	o.log.history.meter.sums.add(tally{rotations: rotations})
	if err != nil {
		e.m.metrics.failed(stepStat)
		o.log.complain("cannot look at the runtime's file of this log", err)
	}
}

// look takes in what is there now, by the wall clock, and tells how often the runtime has
// rotated since the last look, as far as that can be seen.
func (f *outletFile) look(path string, now time.Time) (rotations int64, err error) {
	current, err := statFile(path)
	if err != nil {
		return 0, err
	}
	before := *f
	if err := f.list(path, now); err != nil {
		return 0, err
	}
	f.current, f.size, f.disk, f.device = current.age, current.size, current.disk, current.device
	switch {
	case before.current == fileAge{}:
		return 0, nil
	case f.current != before.current:
		rotations = f.rotated.since(before, f.current)
	case f.size < before.size: // it keeps one file only, and has cut that
		rotations = 1
	}
	f.rotations += rotations
	return rotations, nil
}

// list takes in the rotated files, if there may be others than at the last look.
func (f *outletFile) list(path string, now time.Time) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if info.ModTime().Equal(f.changed) && f.listed.Sub(f.changed) > fileTick {
		return nil
	}
	if f.rotated, err = listRotated(dir, filepath.Base(path)); err != nil {
		return err
	}
	f.listed, f.changed = now, info.ModTime()
	return nil
}

// listRotated looks at the rotated files of the log name in dir.
func listRotated(dir, name string) (found rotatedFiles, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return found, err
	}
	found.numbers, found.taken = map[fileAge]int{}, map[int]bool{}
	packed := map[int]bool{}
	plain := 0
	for _, e := range entries {
		number, compressed, is := rotatedNumber(name, e.Name())
		if !is {
			continue
		}
		file, err := statFile(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // just rotated away
		}
		if err != nil {
			return found, err
		}
		found.disk += file.disk
		found.taken[number] = true
		if compressed {
			packed[number] = true
			found.packed = append(found.packed, file.age.born)
			continue
		}
		found.numbers[file.age] = number
		plain++
	}
	for _, number := range found.numbers {
		if packed[number] {
			plain--
		}
	}
	found.pending = plain
	return found, nil
}

// since reckons how often the current file was replaced after an earlier look: as often as
// there are files from the former one to the youngest, or else once at least, and as often as
// files have begun to be compressed. If the current file was rotated while others were listed, it
// is one of them; and while numbers are being moved up, one of them is nobody's.
func (f *rotatedFiles) since(before outletFile, current fileAge) int64 {
	if number := f.numbers[before.current]; number > 0 {
		n := int64(0)
		for other := range f.taken {
			if other > f.numbers[current] && other <= number {
				n++
			}
		}
		return n
	}
	n := f.pending - before.rotated.pending
	for _, begun := range f.packed {
		if begun.After(before.listed) {
			n++
		}
	}
	return int64(max(n, 1))
}

// rotatedNumber tells whether file is a rotated one of the log name, the how manieth
// youngest, and whether it is compressed.
func rotatedNumber(name, file string) (number int, compressed, is bool) {
	digits, is := strings.CutPrefix(file, name+".")
	if !is {
		return 0, false, false
	}
	digits, compressed = strings.CutSuffix(digits, ".gz")
	number, err := strconv.Atoi(digits)
	if err != nil || number < 1 || strconv.Itoa(number) != digits {
		return 0, false, false
	}
	return number, compressed, true
}

// statted is what is known of one of the runtime's files.
type statted struct {
	age        fileAge
	size, disk int64
	device     uint64
}

// statFile looks at a file of the runtime's without following a link.
func statFile(path string) (statted, error) {
	var st unix.Statx_t
	for {
		err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return statted{}, fmt.Errorf("look at %q: %w", path, err)
		}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return statted{}, fmt.Errorf("look at %q: it is no regular file", path)
	}
	age := fileAge{inode: st.Ino}
	if st.Mask&unix.STATX_BTIME != 0 {
		age.born = time.Unix(st.Btime.Sec, int64(st.Btime.Nsec))
	}
	return statted{age, int64(st.Size), int64(st.Blocks) * 512, unix.Mkdev(st.Dev_major, st.Dev_minor)}, nil
}
