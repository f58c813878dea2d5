// Package logname is how the files of a container's log are named: by whoever reads them, on
// the node or on any other machine.
//
// It knows nothing of what is in them, nor of directories.
package logname

import (
	"strconv"
	"strings"
	"time"
)

const (
	// Suffix is what the name of a current log ends in.
	Suffix = ".log"
	// StampLayout is the time in the name of a file that we have rotated, in UTC, and LocalLayout in that of
	// one that kubelet has, in the node's time.
	StampLayout = "20060102-150405.000000000"
	LocalLayout = "20060102-150405"
	// TemporarySuffix is what the name of an unfinished compression ends in.
	TemporarySuffix = ".tmp"

	// The years that a stamp may bear. What lies outside is no name of ours, so that a
	// stamp and its successors always fit into 64 bits of nanoseconds.
	firstYear, lastYear = 1970, 2261
)

// Compression is how a rotated file is compressed.
type Compression string

// The kinds of compression.
const (
	Plain Compression = ""     // not compressed
	Gzip  Compression = "gzip" // name ends in ".gz"
	Zstd  Compression = "zstd" // name ends in ".zst"
)

// Suffix is what the compression adds to a file's name.
func (c Compression) Suffix() string {
	switch c {
	case Gzip:
		return ".gz"
	case Zstd:
		return ".zst"
	case Plain:
	}
	return ""
}

// ParseCurrent reads the attempt out of a current log's name, "3.log". Other spellings
// of a number ("03.log", "+3.log") are no log's name.
func ParseCurrent(name string) (attempt uint32, ok bool) {
	digits, ok := strings.CutSuffix(name, Suffix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || strconv.FormatUint(n, 10) != digits {
		return 0, false
	}
	return uint32(n), true
}

// CurrentOf returns the name of the current log "<attempt>.log" to which the name of a file belongs: it is that
// log's, or goes on with a dot.
func CurrentOf(name string) (current string, attempt uint32, ok bool) {
	digits, rest, found := strings.Cut(name, Suffix)
	current = digits + Suffix
	attempt, ok = ParseCurrent(current)
	return current, attempt, ok && found && (rest == "" || strings.HasPrefix(rest, "."))
}

// Rotated is a rotated file's name, taken apart.
type Rotated struct {
	Stamp       string // in StampLayout or LocalLayout
	Compression Compression
	Temporary   bool
}

// ParseRotated takes name apart if it is one of a rotated or temporary file of the
// log current:
//
//	<current>.<stamp>[.gz|.zst][.tmp]
//
// "<current>.tmp" is none: conmon makes a file of that name while it reopens its log.
func ParseRotated(current, name string) (Rotated, bool) {
	rest, ok := strings.CutPrefix(name, current)
	if !ok || !strings.HasPrefix(rest, ".") {
		return Rotated{}, false
	}
	var r Rotated
	r.Stamp, r.Temporary = strings.CutSuffix(rest[1:], TemporarySuffix)
	for _, c := range []Compression{Gzip, Zstd} {
		if s, ok := strings.CutSuffix(r.Stamp, c.Suffix()); ok {
			r.Stamp, r.Compression = s, c
			break
		}
	}
	_, ok = r.Wall()
	return r, ok
}

// Local tells whether the stamp is kubelet's, in the node's time.
func (r Rotated) Local() bool { return len(r.Stamp) == len(LocalLayout) }

// Wall reads either form of the stamp as if it were UTC.
func (r Rotated) Wall() (time.Time, bool) {
	layout := StampLayout
	if r.Local() {
		layout = LocalLayout
	}
	t, err := time.Parse(layout, r.Stamp)
	// Parse takes more spellings than Format makes; only Format's are names.
	if err != nil || t.Year() < firstYear || t.Year() > lastYear || t.Format(layout) != r.Stamp {
		return time.Time{}, false
	}
	return t, true
}
