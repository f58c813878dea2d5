package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/logname"
	"github.com/cri-logshim/cri-logshim/logreader"
)

// Names of files begin with where they are; those of Docker's files are their paths.
const (
	inLive = "pods/"
	inKept = "kept/"
)

// looks is how often a directory is read that keeps changing.
const looks = 20

// Files implements logreader.Source. A rotation between the reading of two names could hide a
// file, so two looks that have seen the same are one listing.
func (d *Disk) Files(ctx context.Context, c logreader.Container) (logreader.Listing, error) {
	rel, err := directory(c)
	if err != nil {
		return logreader.Listing{}, err
	}
	var last []logreader.File
	for attempts := 1; ; attempts++ {
		now, err := d.look(rel)
		if err != nil {
			return logreader.Listing{}, err
		}
		if attempts > 1 && slices.EqualFunc(last, now.Files, sameNames) || attempts == looks {
			return now, nil
		}
		if err := ctx.Err(); err != nil {
			return logreader.Listing{}, context.Cause(ctx)
		}
		last = now.Files
	}
}

func sameNames(a, b logreader.File) bool { return a.Name == b.Name && a.ID == b.ID }

// look reads a container's directories once.
func (d *Disk) look(rel string) (logreader.Listing, error) {
	var now logreader.Listing
	missing := 0
	roots := d.roots()
	for i, root := range roots {
		logs, err := scan(root, rel)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing++
			now.Ended = now.Ended || i == 0
			continue
		case err != nil:
			return now, err
		}
		prefix := prefixes()[i]
		for _, log := range logs {
			d.sortInto(&now, prefix, rel, log)
		}
	}
	if missing == len(roots) {
		return now, fmt.Errorf("logs in %q: %w", rel, fs.ErrNotExist)
	}
	now.Files = withoutDoubles(now.Files)
	slices.SortStableFunc(now.Files, logreader.File.Compare)
	for i, root := range roots {
		if err := addBirths(root, prefixes()[i], rel, now.Files); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return now, err
		}
	}
	return now, nil
}

func scan(root *logfile.Root, rel string) (logs []logfile.Log, err error) {
	dir, err := root.Dir(rel)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	return dir.ScanAttempts()
}

// prefixes are what names of files in the roots begin with.
func prefixes() []string { return []string{inLive, inKept} }

// addBirths adds the times of birth of a root's files whose names are given anew: a rotated file's
// is its own. Docker's have theirs from the beginning.
func addBirths(root *logfile.Root, prefix, rel string, files []logreader.File) (err error) {
	dir, err := root.Dir(rel)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	for i, f := range files {
		name, ours := strings.CutPrefix(f.Name, prefix)
		if _, current := logname.ParseCurrent(name); !ours || !current {
			continue
		}
		if err := addBirth(dir, name, &files[i]); err != nil {
			return err
		}
	}
	return nil
}

// addBirth adds when the file was made that is called name in dir. Where the kernel or the file
// system cannot tell, or a filter of system calls does not let it, it stays unknown.
func addBirth(dir *logfile.Dir, name string, f *logreader.File) error {
	born, err := dir.Birth(name, logfile.ID{Dev: f.ID.Device, Ino: f.ID.Inode})
	switch {
	case err == nil:
		f.ID.Born = uint64(born.UnixNano())
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist), errors.Is(err, logfile.ErrChanged):
	default:
		return err
	}
	return nil
}

// sortInto adds the files of one attempt's log.
func (d *Disk) sortInto(now *logreader.Listing, prefix, rel string, log logfile.Log) {
	attempt, ok := logname.ParseCurrent(log.Name)
	if !ok {
		return
	}
	add := func(f logfile.File) {
		file := logreader.File{
			Name: prefix + f.Name, ID: logreader.ID{Device: f.Dev, Inode: f.Ino}, Attempt: attempt,
			Compression: f.Compression, Size: f.Size, LastWrite: f.ModTime,
		}
		switch {
		case !f.Stamp.IsZero():
			file.Key, file.Rotated = strings.TrimSuffix(f.Name, f.Compression.Suffix()), f.Stamp.Time()
		case prefix == inKept && hasLive(now.Files, attempt): // it may have been rotated since
			file.Key, file.Rotated = f.Name, f.ModTime
		}
		now.Files = append(now.Files, file)
	}
	for _, f := range log.Rotated {
		add(f)
	}
	if log.Current != nil {
		add(*log.Current)
	}
	for _, name := range log.Unsafe {
		if name == log.Name && prefix == inLive {
			files, err := d.dockerFiles(rel, name, attempt)
			if err == nil {
				now.Files = append(now.Files, files...)
				continue
			}
			now.PassedOver = append(now.PassedOver, err)
			continue
		}
		now.PassedOver = append(now.PassedOver, fmt.Errorf("%s/%s is passed over: it is a link, no regular file, or belongs to somebody other than root", rel, name))
	}
	for _, f := range log.Foreign {
		if f.Name != log.Name+".tmp" { // conmon's
			now.PassedOver = append(now.PassedOver, fmt.Errorf("%s/%s is passed over: its name is not that of a rotated log", rel, f.Name))
		}
	}
}

// hasLive tells whether there is a file of an attempt in podLogsDir.
func hasLive(files []logreader.File, attempt uint32) bool {
	return slices.ContainsFunc(files, func(f logreader.File) bool { return f.Attempt == attempt && strings.HasPrefix(f.Name, inLive) })
}

// withoutDoubles leaves one of several names of a file, those in podLogsDir first, and one of a
// plain file and its compressed twin, the plain one.
func withoutDoubles(files []logreader.File) []logreader.File {
	type key struct {
		attempt uint32
		name    string
	}
	inodes, plain := map[logreader.ID]bool{}, map[key]bool{}
	seen := map[key]bool{}
	var unique []logreader.File
	for _, f := range files {
		if f.Key != "" && f.Compression == logreader.Plain {
			plain[key{f.Attempt, f.Key}] = true
		}
	}
	for _, f := range files {
		k := key{f.Attempt, f.Key}
		switch {
		case inodes[f.ID]:
			continue
		case f.Key != "" && f.Compression != logreader.Plain && (plain[k] || seen[k]):
			continue
		}
		inodes[f.ID] = true
		if f.Compression != logreader.Plain {
			seen[k] = true
		}
		unique = append(unique, f)
	}
	return unique
}
