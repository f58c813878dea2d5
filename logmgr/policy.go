package logmgr

import (
	"io/fs"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// Policy says how the logs of one container, over all its attempts, are held.
type Policy struct {
	// MaxSize is the size in bytes at which a log is rotated; 0 or less turns
	// rotation off.
	MaxSize int64
	// MaxFiles is how many files are kept, the current one included; at least 2.
	MaxFiles int
	// MaxFilesUnread takes the place of MaxFiles while an open reader has not
	// finished the oldest file. Not above MaxFiles: off.
	MaxFilesUnread int
	// MaxAge is how long a line stays in the current file, at most: the file is
	// rotated when that time has passed since it ceased to be empty, but not within
	// a second; 0: off. It needs a MaxSize.
	MaxAge time.Duration
	// DeleteAfter is how long a rotated file is kept; 0: until another bound asks
	// for it.
	DeleteAfter time.Duration
	// MaxTotalSize bounds the bytes of all files as they lie on disk; 0: off.
	MaxTotalSize int64
	// Compression of rotated files; empty leaves them plain.
	Compression logfile.Compression
	// CompressAfter is how long a rotated file stays plain. The newest rotated
	// file stays plain in any case.
	CompressAfter time.Duration
	// KeepAfterRemoval is how long the files outlive their pod; 0: not at all.
	KeepAfterRemoval time.Duration
}

func (p Policy) rotates() bool { return p.MaxSize > 0 }

// Settings are what a reload may change.
type Settings struct {
	// PolicyOf says how a container's logs are held. It is called in the one
	// goroutine that owns the registry and must not wait for anything.
	PolicyOf func(Container) Policy
	Files    Files
	Node     Node
}

// Files is what log files look like to readers that are not root.
type Files struct {
	// Group is the number of the group that owns them; nil: as the runtime made
	// them.
	Group *int
	// Mode is their permission bits; 0: as the runtime made them.
	Mode fs.FileMode
}

// set tells whether anything is to be done to the files.
func (f Files) set() bool { return f.Group != nil || f.Mode != 0 }

// Node bounds the logs of all containers together. The zero value bounds nothing.
type Node struct {
	// MaxBytes is what all files may take as they lie on disk; 0: off.
	MaxBytes int64
	// MinFree and MinFreeInodes are what must stay free on the file system that
	// holds the logs.
	MinFree, MinFreeInodes Floor
}

// Floor is an amount that must stay free, a share of the whole or a number. The
// zero value is off.
type Floor struct {
	// Percent is above 0 and below 100 where the floor is a share, else 0.
	Percent float64
	// Amount is a number of bytes or inodes where Percent is 0.
	Amount int64
}
