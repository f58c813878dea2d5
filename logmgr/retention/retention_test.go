package retention_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cri-logshim/cri-logshim/logmgr/retention"
)

var now = time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)

// aged are files of 10 bytes each, rotated so many minutes ago; a negative number
// is an unread one.
func aged(minutes ...int) []retention.File {
	var out []retention.File
	for _, m := range minutes {
		f := retention.File{Disk: 10, Unread: m < 0}
		f.Rotated = now.Add(-time.Duration(max(m, -m)) * time.Minute)
		out = append(out, f)
	}
	return out
}

func TestExcess(t *testing.T) {
	const (
		count = retention.MaxFiles
		age   = retention.DeleteAfter
		size  = retention.MaxTotalSize
	)
	one := retention.Fixed{Files: 1, Disk: 5}
	for _, c := range []struct {
		name  string
		files []retention.File
		fixed retention.Fixed
		b     retention.Bounds
		want  []retention.Reason
	}{
		{"nothing there", nil, one, retention.Bounds{MaxFiles: 5}, nil},
		{"as many as may be", aged(4, 3, 2, 1), one, retention.Bounds{MaxFiles: 5}, nil},
		{"one too many", aged(5, 4, 3, 2, 1), one, retention.Bounds{MaxFiles: 5}, []retention.Reason{count}},
		{"no current file", aged(5, 4, 3, 2, 1), retention.Fixed{}, retention.Bounds{MaxFiles: 5}, nil},
		{"current files of three attempts", aged(4, 3, 2, 1), retention.Fixed{Files: 3}, retention.Bounds{MaxFiles: 5}, nil},
		{"the newest rotated file stays by count", aged(2, 1), one, retention.Bounds{MaxFiles: -1}, []retention.Reason{count}},
		{"too old", aged(9, 8, 2, 1), one, retention.Bounds{MaxFiles: 5, DeleteAfter: 8 * time.Minute}, []retention.Reason{age, age}},
		{"too old behind one whose clock was wrong", aged(1, 9, 8), one, retention.Bounds{MaxFiles: 5, DeleteAfter: 8 * time.Minute}, nil},
		{"too large", aged(4, 3, 2, 1), one, retention.Bounds{MaxFiles: 5, MaxTotalSize: 25}, []retention.Reason{size, size}},
		{"exactly as large as may be", aged(4, 3, 2, 1), one, retention.Bounds{MaxFiles: 5, MaxTotalSize: 45}, nil},
		{"the current file alone is too large", aged(2, 1), retention.Fixed{Files: 1, Disk: 99}, retention.Bounds{MaxFiles: 5, MaxTotalSize: 50}, []retention.Reason{size, size}},
		{"empty files help nothing", make([]retention.File, 3), retention.Fixed{Files: 1, Disk: 99}, retention.Bounds{MaxFiles: 5, MaxTotalSize: 50}, nil},
		{"each for its reason", aged(9, 8, 7, 2, 1), one, retention.Bounds{MaxFiles: 5, DeleteAfter: 8 * time.Minute, MaxTotalSize: 20}, []retention.Reason{count, age, size, size}},
		{"an unread file keeps itself and what follows", aged(-9, 8, 7), one, retention.Bounds{MaxFiles: 2, MaxFilesUnread: 4, DeleteAfter: time.Minute, MaxTotalSize: 1}, nil},
		{"what was read before it goes", aged(9, 8, -7), one, retention.Bounds{MaxFiles: 2, MaxFilesUnread: 4}, []retention.Reason{count, count}},
		{"too many unread files", aged(-9, -8, -7, -6), one, retention.Bounds{MaxFiles: 2, MaxFilesUnread: 4, DeleteAfter: time.Minute}, []retention.Reason{count}},
		{"unread files have no room of their own", aged(-9, -8, -7), one, retention.Bounds{MaxFiles: 3}, []retention.Reason{count}},
		{"unread files never have less room", aged(-9, -8, -7), one, retention.Bounds{MaxFiles: 4, MaxFilesUnread: 2}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := retention.Excess(c.files, c.fixed, c.b, now); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func drawFiles(t *rapid.T) []retention.File {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) retention.File {
		return retention.File{
			Disk:    rapid.Int64Range(0, 20).Draw(t, "disk"),
			Rotated: now.Add(-rapid.SampledFrom([]time.Duration{-time.Hour, 0, time.Minute, time.Hour, 1<<63 - 1}).Draw(t, "age")),
			Unread:  rapid.IntRange(0, 4).Draw(t, "unread") == 0,
		}
	}), 0, 20).Draw(t, "files")
}

func drawBounds(t *rapid.T) retention.Bounds {
	return retention.Bounds{
		MaxFiles:       rapid.IntRange(-1, 22).Draw(t, "maxFiles"),
		MaxFilesUnread: rapid.IntRange(-1, 22).Draw(t, "maxFilesUnread"),
		DeleteAfter:    rapid.SampledFrom([]time.Duration{-1, 0, time.Minute, time.Hour, 1<<63 - 1}).Draw(t, "deleteAfter"),
		MaxTotalSize:   rapid.Int64Range(-1, 250).Draw(t, "maxTotalSize"),
	}
}

// broken tells whether the files that are left break a bound that their oldest has
// to give way to. It says anew, in other words, what Excess has to achieve.
func broken(left []retention.File, fixed retention.Fixed, b retention.Bounds, protected bool) bool {
	if len(left) == 0 {
		return false
	}
	files, disk, freeable := len(left), fixed.Disk, false
	if fixed.Files > 0 {
		files++
	}
	for _, f := range left {
		disk += f.Disk
		freeable = freeable || f.Disk > 0
	}
	if protected {
		return files > max(2, b.MaxFiles, b.MaxFilesUnread)
	}
	tooOld := b.DeleteAfter > 0 && !left[0].Rotated.Add(b.DeleteAfter).After(now)
	return files > max(2, b.MaxFiles) || tooOld || b.MaxTotalSize > 0 && disk > b.MaxTotalSize && freeable
}

// TestExcessIsJustEnough: what is left breaks no bound, and would if one file more
// were left; a reader's files count as protected from the first one on.
func TestExcessIsJustEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		files, b := drawFiles(t), drawBounds(t)
		fixed := retention.Fixed{Files: rapid.IntRange(0, 3).Draw(t, "current"), Disk: rapid.Int64Range(0, 100).Draw(t, "current bytes")}
		reasons := retention.Excess(files, fixed, b, now)
		n := len(reasons)
		if n > len(files) {
			t.Fatalf("%d of %d files go", n, len(files))
		}
		unread := slices.IndexFunc(files, func(f retention.File) bool { return f.Unread })
		protected := func(i int) bool { return unread >= 0 && i >= unread }
		if broken(files[n:], fixed, b, protected(n)) {
			t.Errorf("after %d files a bound is still broken", n)
		}
		for i, reason := range reasons {
			if !broken(files[i:], fixed, b, protected(i)) {
				t.Errorf("file %d goes without need", i)
			}
			if protected(i) && reason != retention.MaxFiles {
				t.Errorf("unread file %d goes because of %s", i, reason)
			}
		}
	})
}

// TestExcessIsStable: once the excess has gone, nothing more goes, where the caller
// says of each file behind an unread one that it is unread too.
func TestExcessIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		files, b := drawFiles(t), drawBounds(t)
		for i := 1; i < len(files); i++ {
			files[i].Unread = files[i].Unread || files[i-1].Unread
		}
		fixed := retention.Fixed{Files: 1, Disk: 10}
		left := files[len(retention.Excess(files, fixed, b, now)):]
		if again := retention.Excess(left, fixed, b, now); len(again) > 0 {
			t.Errorf("then %q", again)
		}
	})
}
