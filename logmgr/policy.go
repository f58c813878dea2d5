package logmgr

import (
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// Policy says how one log is held.
type Policy struct {
	// MaxSize is the size in bytes at which a log is rotated; 0 or less turns
	// rotation off.
	MaxSize int64
	// MaxFiles is how many files of one log are kept, the current one included;
	// at least 2.
	MaxFiles int
	// Compression of rotated files; empty leaves them plain.
	Compression logfile.Compression
	// CompressAfter is how long a rotated file stays plain. The newest rotated
	// file stays plain in any case.
	CompressAfter time.Duration
}

func (p Policy) rotates() bool { return p.MaxSize > 0 }
