// Package retention decides which files of logs go, when, and in which order. Its
// functions are pure: they know no file system, no clock and no container runtime,
// and whoever calls them removes the files.
//
// Three rules hold everywhere. A container's files go oldest first and without
// gaps, since a gap in the history is worse than a file too many. What an open
// reader has not finished goes last. And no more goes than is needed.
package retention

import (
	"slices"
	"time"
)

// Reason is the bound because of which a file goes, by the name of its setting.
type Reason string

// The bounds of one container.
const (
	MaxFiles     Reason = "maxFiles"
	DeleteAfter  Reason = "deleteAfter"
	MaxTotalSize Reason = "maxTotalSize"
)

// The bounds of the node.
const (
	MaxBytes      Reason = "node.maxBytes"
	MinFree       Reason = "node.minFree"
	MinFreeInodes Reason = "node.minFreeInodes"
)

// Reasons are all of them.
func Reasons() []Reason {
	return []Reason{MaxFiles, DeleteAfter, MaxTotalSize, MaxBytes, MinFree, MinFreeInodes}
}

// leastFiles is the least that MaxFiles counts as: the current file and one more,
// which a reader that follows the log needs to finish.
const leastFiles = 2

// File is a rotated file of a container, of whichever attempt.
type File struct {
	Name    string
	Disk    int64     // bytes allocated
	Rotated time.Time // when it stopped being the current file
	Unread  bool      // an open reader has not finished it
}

// Bounds are those of one container over all its attempts.
type Bounds struct {
	// MaxFiles is how many files are kept, the current one included. Below 2 it
	// counts as 2.
	MaxFiles int
	// MaxFilesUnread takes the place of MaxFiles for unread files, if it is more.
	MaxFilesUnread int
	// DeleteAfter is how long a rotated file is kept; 0: off.
	DeleteAfter time.Duration
	// MaxTotalSize bounds the bytes of all files on disk; 0: off.
	MaxTotalSize int64
}

// Fixed is what counts but may not go: the current files of known attempts. All of
// them together count as one file, so that those of earlier attempts push no
// rotated file out.
type Fixed struct {
	Files int
	Disk  int64 // bytes allocated
}

// Excess returns the reasons why the first so many of files, which are given
// oldest first, go; each has the first of MaxFiles, DeleteAfter and MaxTotalSize
// that asks for it. From the first unread file on, files go only while there are
// more than MaxFilesUnread.
func Excess(files []File, fixed Fixed, b Bounds, now time.Time) []Reason {
	unread := slices.IndexFunc(files, func(f File) bool { return f.Unread })
	if unread < 0 {
		unread = len(files)
	}
	var disk int64
	for _, f := range files {
		disk += f.Disk
	}
	var out []Reason
	for i, f := range files {
		count := min(fixed.Files, 1) + len(files) - i
		reason := b.reason(f, i >= unread, count, disk, fixed.Disk, now)
		if reason == "" {
			break
		}
		out = append(out, reason)
		disk -= f.Disk
	}
	return out
}

// reason is why f, the oldest of count files, goes; empty: it stays. disk is what
// the rotated files take, f included.
func (b Bounds) reason(f File, unread bool, count int, disk, fixed int64, now time.Time) Reason {
	most := max(b.MaxFiles, leastFiles)
	if unread {
		most = max(most, b.MaxFilesUnread)
	}
	switch {
	case count > most:
		return MaxFiles
	case unread:
		return ""
	case b.DeleteAfter > 0 && now.Sub(f.Rotated) >= b.DeleteAfter:
		return DeleteAfter
	case b.MaxTotalSize > 0 && disk+fixed > b.MaxTotalSize && disk > 0:
		return MaxTotalSize
	}
	return ""
}
