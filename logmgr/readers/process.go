package readers

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// look is one pass over the processes.
type look struct {
	proc    string
	part    []byte // of a wanted file's name
	want    map[logfile.ID]struct{}
	inodes  map[uint64]struct{} // of want
	found   *Found
	listing [16 << 10]byte // of a process's descriptors
	text    [1 << 10]byte  // of a link, or of an entry of /proc
	names   []string
}

// process looks at all descriptors of a process. Its threads have the same ones.
func (l *look) process(pid int) {
	path := l.proc + "/" + strconv.Itoa(pid)
	err := l.descriptors(path, pid)
	switch {
	case err == nil:
		l.found.Processes++
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		l.found.Processes++
		l.found.Denied++
	default: // it has ended
	}
}

// descriptors fails if the process has ended or may not be looked into.
func (l *look) descriptors(path string, pid int) error {
	dir, err := unix.Open(path+"/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(dir) }() // it was only read
	for {
		n, err := unix.ReadDirent(dir, l.listing[:])
		if err != nil || n <= 0 {
			return err
		}
		_, _, l.names = unix.ParseDirent(l.listing[:n], -1, l.names[:0])
		for _, name := range l.names {
			if err := l.descriptor(dir, path, name, pid); err != nil {
				return err
			}
		}
	}
}

// descriptor notes a descriptor that reads a wanted file. The cheap questions
// come first. It fails if the process may not be looked into.
func (l *look) descriptor(dir int, path, name string, pid int) error {
	n, err := unix.Readlinkat(dir, name, l.text[:])
	if err == nil && n > 0 && l.named(l.text[:n]) {
		l.candidate(dir, path, name, pid)
	}
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return err
	}
	return nil // also if it was closed meanwhile
}

// candidate notes a descriptor whose file has a likely name. It touches the file's
// own file system, which may hang, only when the kernel has named a wanted inode.
func (l *look) candidate(dir int, path, name string, pid int) {
	for range 2 {
		info, ok := l.info(path + "/fdinfo/" + name)
		if !ok || !info.reads() {
			return
		}
		if _, wanted := l.inodes[info.inode]; info.inode != 0 && !wanted {
			return
		}
		var st unix.Stat_t
		if unix.Fstatat(dir, name, &st, 0) != nil {
			return
		}
		if info.inode != 0 && info.inode != st.Ino {
			continue // another file has got this number in between
		}
		id := logfile.ID{Dev: uint64(st.Dev), Ino: st.Ino} //nolint:unconvert // 32 bits wide on some machines
		if _, wanted := l.want[id]; wanted {
			l.note(id, pid, path, info.pos, st.Nlink == 0)
		}
		return
	}
}

// named tells whether a path, which may be that of another mount namespace or of
// a removed file, can be a wanted file's.
func (l *look) named(path []byte) bool {
	return path[0] == '/' && bytes.Contains(path[bytes.LastIndexByte(path, '/'):], l.part)
}

// note adds a reader, once for each process.
func (l *look) note(id logfile.ID, pid int, path string, pos int64, removed bool) {
	known := l.found.Readers[id]
	if i := slices.IndexFunc(known, func(r Reader) bool { return r.PID == pid }); i >= 0 {
		known[i].Pos = max(known[i].Pos, pos)
		return
	}
	name, ok := l.read(path + "/comm")
	if !ok {
		return // it has ended
	}
	l.found.Readers[id] = append(known, Reader{PID: pid, Name: strings.ToValidUTF8(strings.TrimSuffix(string(name), "\n"), "\uFFFD"), Pos: pos, Removed: removed})
}

// info is what the kernel says about a descriptor.
func (l *look) info(path string) (fdinfo, bool) {
	text, ok := l.read(path)
	if !ok {
		return fdinfo{}, false
	}
	return parseInfo(text)
}

// read returns the beginning of a small file of /proc, until the next read.
func (l *look) read(path string) ([]byte, bool) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, false
	}
	n, err := unix.Read(fd, l.text[:])
	_ = unix.Close(fd) // it was only read
	return l.text[:max(n, 0)], err == nil && n > 0
}

// fdinfo is what /proc/<pid>/fdinfo/<n> says (proc_pid_fdinfo(5)).
type fdinfo struct {
	pos   int64
	flags int64
	inode uint64 // 0 before Linux 5.14, which does not say
}

func parseInfo(text []byte) (fdinfo, bool) {
	var info fdinfo
	found := 0
	for line := range bytes.Lines(text) {
		key, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
		value = bytes.TrimSpace(value)
		var err error
		switch string(key) {
		case "pos":
			info.pos, err = strconv.ParseInt(string(value), 10, 64)
			found++
		case "flags":
			info.flags, err = strconv.ParseInt(string(value), 8, 64)
			found++
		case "ino":
			info.inode, err = strconv.ParseUint(string(value), 10, 64)
		}
		if err != nil {
			return fdinfo{}, false
		}
	}
	return info, found == 2
}

// reads tells whether the descriptor is there to read: one that can write is a
// runtime's, and one with O_PATH does neither.
func (i fdinfo) reads() bool {
	return i.flags&unix.O_ACCMODE == unix.O_RDONLY && i.flags&unix.O_PATH == 0
}
