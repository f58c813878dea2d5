// Package retention decides which files of a log go, and in which order. It knows
// nothing of file systems, clocks or containers.
package retention

import "time"

// File is one stretch of a history that may go.
type File struct {
	Name    string
	Disk    int64     // bytes
	Rotated time.Time // when it was last written, about
	Unread  bool      // an open reader has not finished it
}

// Fixed is what may not go.
type Fixed struct {
	Files int
	Disk  int64 // bytes
}

// Bounds are what is kept.
type Bounds struct {
	MaxFiles, MaxFilesUnread int
	DeleteAfter              time.Duration
	MaxTotalSize             int64
}

// Reason is why a file goes.
type Reason string

// MaxFiles is the reason when there are more files than are kept.
const MaxFiles Reason = "maxFiles"

// Excess tells which of the files, the oldest first, go: the first len(result), each
// with its reason. So far only their number is looked at.
func Excess(files []File, _ Fixed, b Bounds, _ time.Time) []Reason {
	var reasons []Reason
	for range max(len(files)-(b.MaxFiles-1), 0) {
		reasons = append(reasons, MaxFiles)
	}
	return reasons
}
