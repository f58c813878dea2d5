package logfile

import (
	"cmp"
	"strings"
	"time"
)

const (
	stampLayout   = "20060102-150405.000000000" // ours, UTC
	kubeletLayout = "20060102-150405"           // kubelet's, local time
	tmpSuffix     = ".tmp"

	// The years that a stamp may bear. What lies outside is no name of ours, so that a
	// stamp and its successors always fit into 64 bits of nanoseconds.
	firstYear, lastYear = 1970, 2261
)

// Stamp orders the rotated files of one log: it is the time of the rotation, but always
// greater than the stamp before, whatever the clock does. The zero Stamp precedes all.
type Stamp struct{ ns int64 } // nanoseconds since 1970, UTC

// String is the stamp in UTC with nanoseconds, of fixed width, so that the order of
// stamps is the lexical order of their texts: "20261121-012002.123456789".
func (s Stamp) String() string { return time.Unix(0, s.ns).UTC().Format(stampLayout) }

// Compare returns -1, 0 or +1 as s is before, equal to or after other.
func (s Stamp) Compare(other Stamp) int { return cmp.Compare(s.ns, other.ns) }

// Time is the time of the rotation.
func (s Stamp) Time() time.Time { return time.Unix(0, s.ns) }

// IsZero tells whether s is the zero Stamp, which no rotated file of ours bears.
func (s Stamp) IsZero() bool { return s.ns == 0 }

// Next is the stamp of a rotation at now that follows s: now itself, or one nanosecond
// after s if now is not later.
func (s Stamp) Next(now time.Time) Stamp {
	return Stamp{ns: max(now.UnixNano(), s.ns+1)}
}

// RotatedName is the name that the log current bears once it is rotated.
func RotatedName(current string, s Stamp) string { return current + "." + s.String() }

// FileName is the name of a rotated file of the log current as it is stored.
func FileName(current string, s Stamp, c Compression) string {
	return RotatedName(current, s) + c.suffix()
}

// rotatedName is a rotated file's name, taken apart.
type rotatedName struct {
	stamp       string // text, in stampLayout or kubeletLayout
	compression Compression
	temporary   bool
}

// parseRotatedName takes name apart if it is one of a rotated or temporary file of the
// log current:
//
//	<current>.<stamp>[.gz|.zst][.tmp]
//
// "<current>.tmp" is none: conmon makes a file of that name while it reopens its log.
func parseRotatedName(current, name string) (rotatedName, bool) {
	rest, ok := strings.CutPrefix(name, current)
	if !ok || !strings.HasPrefix(rest, ".") {
		return rotatedName{}, false
	}
	var r rotatedName
	r.stamp, r.temporary = strings.CutSuffix(rest[1:], tmpSuffix)
	for _, c := range []Compression{Gzip, Zstd} {
		if s, ok := strings.CutSuffix(r.stamp, c.suffix()); ok {
			r.stamp, r.compression = s, c
			break
		}
	}
	_, ok = parseStampText(r.stamp)
	return r, ok
}

// parseStampText reads either form of a stamp as if it were UTC.
func parseStampText(text string) (time.Time, bool) {
	layout := stampLayout
	if len(text) == len(kubeletLayout) {
		layout = kubeletLayout
	}
	t, err := time.Parse(layout, text)
	// Parse takes more spellings than Format makes; only Format's are names.
	if err != nil || t.Year() < firstYear || t.Year() > lastYear || t.Format(layout) != text {
		return time.Time{}, false
	}
	return t, true
}

// order is the stamp that the name stands for.
//
// kubelet writes local time in whole seconds. It runs on the same machine, so its names
// are read in our zone. In the hour that repeats in autumn one name means two instants:
// then the one nearer to modTime is taken, since a log that is being rotated was written
// to just before. For kubelet's compressed files, whose modification time is that of the
// compression, that is a guess, but never worse than one hour among kubelet's own files.
// Ours are not affected: Stamp.Next makes them follow whatever was there.
func (r rotatedName) order(modTime time.Time, zone *time.Location) Stamp {
	wall, ok := parseStampText(r.stamp)
	if !ok {
		return Stamp{}
	}
	if len(r.stamp) != len(kubeletLayout) {
		return Stamp{ns: wall.UnixNano()}
	}
	best, err := time.ParseInLocation(kubeletLayout, r.stamp, zone)
	if err != nil {
		return Stamp{}
	}
	for _, around := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := wall.Add(around).In(zone).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if t.Format(kubeletLayout) == r.stamp && t.Sub(modTime).Abs() < best.Sub(modTime).Abs() {
			best = t
		}
	}
	return Stamp{ns: max(best.UnixNano(), 0)}
}
