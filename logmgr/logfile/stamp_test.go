package logfile

import (
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the zones of these tests, whatever the machine has

	"github.com/cri-logshim/cri-logshim/logmgr/logname"
)

func TestStampText(t *testing.T) {
	now := time.Date(2026, 11, 21, 1, 20, 2, 123456789, time.UTC)
	s := Stamp{}.Next(now)
	if got, want := RotatedName("0.log", s), "0.log.20261121-012002.123456789"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := (Stamp{}).Next(now.Truncate(time.Second)).String(), "20261121-012002.000000000"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !(Stamp{}).IsZero() || s.IsZero() {
		t.Error("only the zero Stamp is zero")
	}
}

// TestStampsIncrease lets the clock stand still and step back in every way.
func TestStampsIncrease(t *testing.T) {
	now := time.Date(2026, 11, 21, 1, 20, 2, 999999998, time.UTC)
	steps := []time.Duration{0, 0, 0, -time.Nanosecond, -time.Second, -time.Hour, time.Nanosecond, -100 * 365 * 24 * time.Hour, time.Hour}
	var s Stamp
	var texts []string
	for _, step := range steps {
		now = now.Add(step)
		next := s.Next(now)
		if next.Compare(s) != 1 || s.Compare(next) != -1 || next.Compare(next) != 0 {
			t.Fatalf("%v does not follow %v", next, s)
		}
		s = next
		texts = append(texts, s.String())
	}
	if !slices.IsSorted(texts) || len(slices.Compact(slices.Clone(texts))) != len(steps) {
		t.Fatalf("texts are not in order: %q", texts)
	}
	if (Stamp{}).Next(time.Unix(0, 0)).IsZero() || (Stamp{}).Next(time.Unix(-1e9, 0)).IsZero() {
		t.Error("a machine whose clock stands at its beginning makes zero stamps")
	}
}

// TestTemporaryName wants no rotated file taken for an unfinished one.
func TestTemporaryName(t *testing.T) {
	for name, want := range map[string]bool{
		"0.log.20261121-012002.gz.tmp": true, "a.20261121-012002.123456789.tmp": true, "0.log.20261121-012002.gz": false, "0.log.tmp": false,
	} {
		if isTemporaryName(name) != want {
			t.Errorf("isTemporaryName(%q) = %v", name, !want)
		}
	}
}

// TestKubeletsLocalTimeIsOrderedAmongOurs reads names of one machine in its zone.
func TestKubeletsLocalTimeIsOrderedAmongOurs(t *testing.T) {
	for zoneName, local := range map[string]string{
		"UTC": "20260701-120000", "Europe/Berlin": "20260701-140000", "America/New_York": "20260701-080000",
		"Asia/Kathmandu": "20260701-174500", "Australia/Lord_Howe": "20260701-223000", "Pacific/Kiritimati": "20260702-020000",
	} {
		zone := loadZone(t, zoneName)
		noon := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
		for _, modTime := range []time.Time{noon, noon.Add(-10 * time.Second), noon.Add(300 * time.Hour), {}} {
			if got := orderOf(logname.Rotated{Stamp: local}, modTime, zone); got.ns != noon.UnixNano() {
				t.Errorf("%s in %s is %v", local, zoneName, got)
			}
		}
		before, after := Stamp{}.Next(noon.Add(-1)), Stamp{}.Next(noon.Add(1))
		got := orderOf(logname.Rotated{Stamp: local}, noon, zone)
		if before.Compare(got) >= 0 || got.Compare(after) >= 0 {
			t.Errorf("%s in %s: not between ours", local, zoneName)
		}
	}
}

// TestTheHourThatRepeats has two instants for one name; the time of the last write tells.
func TestTheHourThatRepeats(t *testing.T) {
	for _, c := range []struct {
		zone, name    string
		first, second time.Time
	}{
		{"Europe/Berlin", "20261025-023000", time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC)},
		{"America/New_York", "20261101-010001", time.Date(2026, 11, 1, 5, 0, 1, 0, time.UTC), time.Date(2026, 11, 1, 6, 0, 1, 0, time.UTC)},
		{"Australia/Lord_Howe", "20260405-014500", time.Date(2026, 4, 4, 14, 45, 0, 0, time.UTC), time.Date(2026, 4, 4, 15, 15, 0, 0, time.UTC)},
	} {
		zone := loadZone(t, c.zone)
		for _, instant := range []time.Time{c.first, c.second} {
			for _, written := range []time.Duration{-12 * time.Second, 0, 5 * time.Millisecond} {
				got := orderOf(logname.Rotated{Stamp: c.name}, instant.Add(written), zone)
				if got.ns != instant.UnixNano() {
					t.Errorf("%s in %s, written at %v: %v", c.name, c.zone, instant.Add(written), got)
				}
			}
		}
	}
}

func loadZone(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func FuzzStamp(f *testing.F) {
	f.Add(int64(0), int64(1))
	f.Add(int64(1e18), int64(1e18))
	f.Add(int64(1795224002123456789), int64(-5))
	f.Fuzz(func(t *testing.T, a, b int64) {
		const limit = 9_000_000_000_000_000_000 // in the year 2255
		first := Stamp{}.Next(time.Unix(0, a%limit))
		second := first.Next(time.Unix(0, b%limit))
		if first.IsZero() || second.Compare(first) != 1 || first.String() >= second.String() {
			t.Fatalf("%v does not follow %v", second, first)
		}
		for _, s := range []Stamp{first, second} {
			r, ok := logname.ParseRotated("0.log", RotatedName("0.log", s))
			if got := orderOf(r, time.Time{}, time.UTC); !ok || got != s || len(s.String()) != len(logname.StampLayout) {
				t.Fatalf("%v comes back as %v, %v", s, got, ok)
			}
		}
	})
}

// A stamp of any name is one that others can follow.
func FuzzOrderOf(f *testing.F) {
	f.Add("20261121-012002.123456789")
	f.Add("20261121-012002")
	f.Add("19700101-000000")
	f.Fuzz(func(t *testing.T, stamp string) {
		r, ok := logname.ParseRotated("0.log", "0.log."+stamp)
		if !ok {
			return
		}
		for _, zone := range []*time.Location{time.UTC, time.FixedZone("", 14*3600), time.FixedZone("", -12*3600)} {
			if s := orderOf(r, time.Time{}, zone); s.Compare(Stamp{}) < 0 || s.Next(time.Time{}).Compare(s) != 1 {
				t.Fatalf("%q is %v", stamp, s)
			}
		}
	})
}
