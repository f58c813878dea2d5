package logfile

import (
	"cmp"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logname"
)

// Stamp orders the rotated files of one log: it is the time of the rotation, but always
// greater than the stamp before, whatever the clock does. The zero Stamp precedes all.
type Stamp struct{ ns int64 } // nanoseconds since 1970, UTC

// String is the stamp in UTC with nanoseconds, of fixed width, so that the order of
// stamps is the lexical order of their texts: "20261121-012002.123456789".
func (s Stamp) String() string { return time.Unix(0, s.ns).UTC().Format(logname.StampLayout) }

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
	return RotatedName(current, s) + c.Suffix()
}

// orderOf is the stamp that a rotated file's name stands for.
//
// kubelet writes local time in whole seconds. It runs on the same machine, so its names
// are read in our zone. In the hour that repeats in autumn one name means two instants:
// then the one nearer to modTime is taken, since a log that is being rotated was written
// to just before. For kubelet's compressed files, whose modification time is that of the
// compression, that is a guess, but never worse than one hour among kubelet's own files.
// Ours are not affected: Stamp.Next makes them follow whatever was there.
func orderOf(r logname.Rotated, modTime time.Time, zone *time.Location) Stamp {
	wall, ok := r.Wall()
	if !ok {
		return Stamp{}
	}
	if !r.Local() {
		return Stamp{ns: wall.UnixNano()}
	}
	best, err := time.ParseInLocation(logname.LocalLayout, r.Stamp, zone)
	if err != nil {
		return Stamp{}
	}
	for _, around := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := wall.Add(around).In(zone).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if t.Format(logname.LocalLayout) == r.Stamp && t.Sub(modTime).Abs() < best.Sub(modTime).Abs() {
			best = t
		}
	}
	return Stamp{ns: max(best.UnixNano(), 0)}
}
