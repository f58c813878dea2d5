// Package logfile knows one container's log as it lies on disk: how its files are
// named and ordered, how they are renamed, removed, compressed and repaired without
// losing a line or following a planted link, and how they are read as one stream
// across rotated and compressed files.
//
// It knows nothing of policy (when to rotate, how much to keep), of scheduling, of
// container runtimes or of gRPC. Operations on one log are to be called serially by
// the log's owner; a Dir may be closed while an operation on it is under way.
//
// Nothing here trusts a path twice: directories are held as descriptors, opened below
// a Root with openat2, files are named relative to them, and a file's device and inode
// are compared again before it is renamed or removed. Every file of a log must be a
// regular file with one link that belongs to root (or to the user we run as); a second
// link is allowed only where it is ours, in the twin of the directory (Root.OpenTwin).
package logfile

import (
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/logname"
)

// maxLinks is how many names a log's file may have, its twin apart. One more means that
// somebody has linked a foreign file into the log's directory, or that a rename made of
// link and unlink was cut short, which Dir.Heal finishes.
const maxLinks = 1

// ID tells one file from every other on the machine. It survives a rename.
type ID struct{ Dev, Ino uint64 }

// Info is what is known of a file without opening it.
type Info struct {
	ID
	Size    int64       // bytes
	Disk    int64       // bytes allocated
	ModTime time.Time   // of the last write
	Changed time.Time   // of the last write or change of name, owner or mode
	Mode    fs.FileMode // permission bits
	UID     uint32
	GID     uint32
	Links   uint64 // names of this file
}

// Compression is how a rotated file is compressed.
type Compression = logname.Compression

// The kinds of compression.
const (
	Plain = logname.Plain
	Gzip  = logname.Gzip
	Zstd  = logname.Zstd
)

// File is one file of a log.
type File struct {
	Name        string // within the log's directory
	Stamp       Stamp  // zero for the current file
	Compression Compression
	Info
}

// Log is everything in a directory that belongs to one log.
type Log struct {
	Name      string   // of the current file
	Current   *File    // nil: there is none
	Rotated   []File   // oldest first
	Temporary []File   // unfinished compressions, ours and kubelet's; Dir.RemoveTemporary
	Unsafe    []string // bear a name of the log but must not be touched: a link, a fifo, a foreign owner, a second hard link
	Foreign   []File   // begin like a rotated file of the log but are none; without Info: must not be touched either
}

// infoOf translates what the kernel said.
func infoOf(st *unix.Stat_t) Info {
	return Info{
		ID:      idOf(st),
		Size:    st.Size,
		Disk:    st.Blocks * 512,
		ModTime: time.Unix(st.Mtim.Unix()),
		Changed: time.Unix(st.Ctim.Unix()),
		Mode:    fs.FileMode(st.Mode) & fs.ModePerm,
		UID:     st.Uid,
		GID:     st.Gid,
		Links:   uint64(st.Nlink), //nolint:unconvert // 32 bits wide on arm64
	}
}

func idOf(st *unix.Stat_t) ID {
	return ID{Dev: uint64(st.Dev), Ino: st.Ino} //nolint:unconvert // 32 bits wide on some machines
}
