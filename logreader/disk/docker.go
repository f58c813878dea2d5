package disk

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logreader"
)

// dockerLog is where Docker's driver json-file has a container's output:
// <containers>/<id>/<id>-json.log, and rotated .1, .2.gz and so on, the newest first.
type dockerLog struct{ containers, id string }

// parseDockerLog takes such a path apart. A link elsewhere is none that a runtime has made.
func parseDockerLog(target string) (dockerLog, bool) {
	dir, file := path.Split(path.Clean(target))
	containers, id := path.Split(path.Clean(dir))
	containers = path.Clean(containers)
	ok := path.IsAbs(target) && path.Base(containers) == "containers" && id != "" && strings.Trim(id, "0123456789abcdef") == "" && file == id+"-json.log"
	return dockerLog{containers, id}, ok
}

// open opens the directory of the container.
func (l dockerLog) open() (_ *logfile.Dir, err error) {
	root, err := logfile.OpenRoot(l.containers)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return root.Dir(l.id)
}

// path is the path of a file in the directory.
func (l dockerLog) path(name string) string { return path.Join(l.containers, l.id, name) }

// number reads out of a file's name how often it was rotated; 0: it is current.
func (l dockerLog) number(name string) (number int, compressed, ok bool) {
	rest, ok := strings.CutPrefix(name, l.id+"-json.log")
	if !ok || rest == "" {
		return 0, false, ok
	}
	digits, compressed := strings.CutSuffix(rest, ".gz")
	digits, dotted := strings.CutPrefix(digits, ".")
	number, err := strconv.Atoi(digits)
	return number, compressed, dotted && err == nil && number > 0 && strconv.Itoa(number) == digits
}

// dockerFiles are the files of the log to which the link name leads, the oldest first.
func (d *Disk) dockerFiles(rel, name string, attempt uint32) (files []logreader.File, err error) {
	target, err := d.readLink(rel, name)
	switch {
	case errors.Is(err, unix.EINVAL): // it is no link
		return nil, fmt.Errorf("%s/%s is passed over: it is no regular file, or belongs to somebody other than root", rel, name)
	case err != nil:
		return nil, fmt.Errorf("%s/%s is passed over: %w", rel, name, err)
	}
	log, ok := parseDockerLog(target)
	if !ok {
		return nil, fmt.Errorf("%s/%s is passed over: it is a link to %q, which is no log of Docker's", rel, name, target)
	}
	dir, err := log.open()
	if err != nil {
		return nil, fmt.Errorf("%s/%s: %w", rel, name, err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	all, err := dir.Files()
	if err != nil {
		return nil, err
	}
	files = log.sorted(all, attempt)
	for i, f := range files {
		if err := addBirth(dir, path.Base(f.Name), &files[i]); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// sorted are those of the files that are of the log, the oldest first. A compressed file is left
// out while its source is there.
func (l dockerLog) sorted(all []logfile.File, attempt uint32) []logreader.File {
	type numbered struct {
		logreader.File
		number int
	}
	var found []numbered
	for _, f := range all {
		number, compressed, ok := l.number(f.Name)
		if !ok {
			continue
		}
		file := logreader.File{
			Name: l.path(f.Name), ID: logreader.ID{Device: f.Dev, Inode: f.Ino}, Attempt: attempt,
			Size: f.Size, LastWrite: f.ModTime,
		}
		if compressed {
			file.Compression = logreader.Gzip
		}
		if number > 0 {
			file.Rotated = f.ModTime
		}
		found = append(found, numbered{file, number})
	}
	slices.SortFunc(found, func(a, b numbered) int {
		return cmp.Or(cmp.Compare(b.number, a.number), cmp.Compare(a.Compression, b.Compression))
	})
	found = slices.CompactFunc(found, func(a, b numbered) bool { return a.number == b.number })
	var files []logreader.File
	for _, f := range found {
		files = append(files, f.File)
	}
	return files
}

// readLink returns where a link in a container's directory leads.
func (d *Disk) readLink(rel, name string) (target string, err error) {
	dir, err := d.live.Dir(rel)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	return os.Readlink(dir.ProcPath(name))
}
