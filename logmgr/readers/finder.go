package readers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// Reader is a process that has a file open for reading.
type Reader struct {
	PID  int
	Name string // of the program, as the kernel keeps it: 15 bytes at most, made valid UTF-8
	// Pos is how many bytes it has read: the most of all its descriptors of that
	// file. Collectors open a file once more to look at how it begins, and some leave
	// that open.
	Pos int64
	// Removed says that the file has no name any longer.
	Removed bool
}

// Found is what one look has found.
type Found struct {
	// Readers by file. A file that nobody reads is not in it.
	Readers map[logfile.ID][]Reader
	// Processes is how many were looked at.
	Processes int
	// Denied is how many of them the kernel did not let us look into: they have
	// other users or more capabilities, and we lack CAP_SYS_PTRACE.
	Denied int
}

// Finder looks through the processes of a /proc.
type Finder struct {
	proc string
	part []byte
}

// New makes a Finder for what is mounted at proc, "/proc" nearly always, and for
// files whose names hold part, as ".log". Looking at the names first makes a look
// twice as cheap.
func New(proc, part string) *Finder { return &Finder{proc: proc, part: []byte(part)} }

// pidBatch is how many names of /proc are read at a time.
const pidBatch = 512

// Look finds who else reads any of the wanted files. It goes through all
// processes once, however many files are wanted, and touches no file system
// but /proc and those of the wanted files. Processes that end meanwhile are no
// error.
func (f *Finder) Look(ctx context.Context, want map[logfile.ID]struct{}) (found Found, err error) {
	found.Readers = map[logfile.ID][]Reader{}
	if len(want) == 0 {
		return found, nil
	}
	self, err := f.self()
	if err != nil {
		return Found{}, err
	}
	listing, err := os.Open(f.proc)
	if err != nil {
		return Found{}, fmt.Errorf("list processes: %w", err)
	}
	defer func() { err = errors.Join(err, listing.Close()) }()
	l := look{proc: f.proc, part: f.part, want: want, inodes: inodesOf(want), found: &found}
	for {
		names, err := listing.Readdirnames(pidBatch)
		for _, name := range names {
			pid, ok := number(name)
			if !ok || pid == self {
				continue
			}
			if ctx.Err() != nil {
				return Found{}, fmt.Errorf("look for readers: %w", context.Cause(ctx))
			}
			l.process(pid)
		}
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return Found{}, fmt.Errorf("list processes: %w", err)
		}
	}
}

// self is our own number in that /proc: the compressor reads the files too.
func (f *Finder) self() (int, error) {
	link := filepath.Join(f.proc, "self")
	name, err := os.Readlink(link)
	if err != nil {
		return 0, fmt.Errorf("find ourselves among the processes: %w", err)
	}
	pid, ok := number(name)
	if !ok {
		return 0, fmt.Errorf("find ourselves among the processes: %q leads to %q", link, name)
	}
	return pid, nil
}

// initialPIDNamespace is the inode of the machine's first pid namespace
// (PROC_PID_INIT_INO in the kernel's include/linux/proc_ns.h).
const initialPIDNamespace = 0xEFFFFFFC

// Confined tells whether there may be processes that no look can see, because we
// live in a pid namespace of our own, or because /proc hides those of others
// (its mount option hidepid).
func (f *Finder) Confined() (bool, error) {
	var st unix.Stat_t
	namespace := filepath.Join(f.proc, "self/ns/pid")
	if err := unix.Stat(namespace, &st); err != nil {
		return false, fmt.Errorf("stat %q: %w", namespace, err)
	}
	if st.Ino != initialPIDNamespace {
		return true, nil
	}
	// Process 1 is always there, and somebody else's.
	first := filepath.Join(f.proc, "1")
	err := unix.Stat(first, &st)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EPERM):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("stat %q: %w", first, err)
	}
	return false, nil
}

// inodesOf are the inodes of files on whatever device.
func inodesOf(want map[logfile.ID]struct{}) map[uint64]struct{} {
	inodes := make(map[uint64]struct{}, len(want))
	for id := range want {
		inodes[id.Ino] = struct{}{}
	}
	return inodes
}

// number reads a name that is a number and nothing else.
func number(name string) (int, bool) {
	if name == "" || name[0] < '0' || name[0] > '9' {
		return 0, false
	}
	n, err := strconv.Atoi(name)
	return n, err == nil
}
