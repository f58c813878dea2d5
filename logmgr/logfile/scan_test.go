package logfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func namesOf(files []File) []string {
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	return names
}

func TestScanTakesWhatBelongsToTheLogAndNothingElse(t *testing.T) {
	p := newPlace(t)
	mine := []string{
		"1.log.20261121-012002.123456789",
		"1.log.20261121-012002.123456790.gz",
		"1.log.20261121-012003.000000000.zst",
	}
	temporary := []string{"1.log.20261121-012002.123456789.gz.tmp", "1.log.20261121-012002.tmp"}
	foreign := []string{"1.log.1", "1.log.bak", "1.log.gz", "1.log.tmp"}
	for _, name := range append(append(append([]string{
		"1.log",
		// Of other logs, or of none:
		"11.log", "11.log.20261121-012002.123456789", "1.log2", "1.log2.20261121-012002.123456789", "1log", "1xlog.20261121-012002",
		"0.log.20261121-012002.123456789", "1.lo", "x1.log", "1.log-20261121-012002", "[1].log", "*.log", "?.log.20261121-012002",
	}, mine...), temporary...), foreign...) {
		p.write(name, []byte(name))
	}
	log := p.scan("1.log")
	if log.Current == nil || log.Current.Name != "1.log" || !log.Current.Stamp.IsZero() || log.Current.Size != 5 {
		t.Errorf("current: %+v", log.Current)
	}
	if diff := cmp.Diff(mine, namesOf(log.Rotated)); diff != "" {
		t.Errorf("rotated:\n%s", diff)
	}
	if diff := cmp.Diff(temporary, namesOf(log.Temporary)); diff != "" {
		t.Errorf("temporary:\n%s", diff)
	}
	if diff := cmp.Diff(foreign, namesOf(log.Foreign)); diff != "" {
		t.Errorf("foreign:\n%s", diff)
	}
	if log.Unsafe != nil {
		t.Errorf("unsafe: %v", log.Unsafe)
	}
	for i, want := range []Compression{Plain, Gzip, Zstd} {
		if f := log.Rotated[i]; f.Compression != want || f.Info != p.stat(f.Name) {
			t.Errorf("%+v", f)
		}
	}
	if _, err := p.Scan("../1.log"); !errors.Is(err, ErrName) {
		t.Errorf("a path: %v", err)
	}
}

// TestScanReadsNamesAsNames has characters that mean something in patterns.
func TestScanReadsNamesAsNames(t *testing.T) {
	p := newPlace(t)
	for _, current := range []string{"[01].log", "*", "a b.log", "?.log", `\.log`, "{a,b}.log", "ä.log"} {
		for _, name := range []string{"0.log", "1.log", "a.log", "b.log"} {
			p.write(name+".20261121-012002", nil)
		}
		rotated := current + ".20261121-012003"
		p.write(current, nil)
		p.write(rotated, nil)
		log := p.scan(current)
		if diff := cmp.Diff([]string{rotated}, namesOf(log.Rotated)); diff != "" || log.Current == nil {
			t.Errorf("%q: %s", current, diff)
		}
	}
}

// TestScanOrdersKubeletsFilesAmongOurs mixes both kinds in a zone with a repeated hour.
func TestScanOrdersKubeletsFilesAmongOurs(t *testing.T) {
	p := newPlace(t)
	p.root.zone = loadZone(t, "Europe/Berlin")
	written := time.Date(2026, 10, 25, 0, 10, 0, 0, time.UTC)
	want := []string{
		"0.log.20261025-021000.gz",           // 00:10 UTC, summer time
		"0.log.20261025-001500.000000000.gz", // ours
		"0.log.20261025-021500",              // 01:15 UTC, in the repeated hour
		"0.log.20261025-012000.000000000",    // ours
		"0.log.20261025-033000",              // 02:30 UTC, winter time
		"0.log.20261025-023000.000000001",    // ours, a nanosecond later
	}
	for i, name := range want {
		p.write(name, nil)
		at := written
		if i == 2 {
			at = time.Date(2026, 10, 25, 1, 14, 59, 0, time.UTC)
		}
		if err := os.Chtimes(p.file(name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, namesOf(p.scan("0.log").Rotated)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// TestRotationsKeepOrderUnderABadClock rotates while the clock stands still or steps back,
// also behind a file of kubelet's from the future.
func TestRotationsKeepOrderUnderABadClock(t *testing.T) {
	p := newPlace(t)
	p.root.zone = time.FixedZone("", 14*3600)
	p.write("0.log.20261121-012002", lines(0, 1))
	clock := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	for i := 1; i <= 50; i++ {
		p.write("0.log", lines(i, i+1))
		var last Stamp
		if rotated := p.scan("0.log").Rotated; len(rotated) > 0 {
			last = rotated[len(rotated)-1].Stamp
		}
		clock = clock.Add([]time.Duration{0, 0, -time.Nanosecond, -time.Hour, time.Second}[i%5])
		if err := p.Rename("0.log", RotatedName("0.log", last.Next(clock)), p.stat("0.log").ID); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := p.readAll(), lines(0, 51); string(got) != string(want) {
		t.Errorf("got %d bytes, want %d: lost or out of order", len(got), len(want))
	}
}

// TestScanLooksAgain renames a file between the listing and the look at it.
func TestScanLooksAgain(t *testing.T) {
	p := newPlace(t)
	p.write("0.log", nil)
	p.write(rotatedAt(1), lines(0, 1))
	var log Log
	var err error
	withTraps(t, []*trap{before(unix.SYS_NEWFSTATAT, func() {
		if err := os.Rename(p.file(rotatedAt(1)), p.file(rotatedAt(2))); err != nil {
			t.Error(err)
		}
	})}, func() { log, err = p.Scan("0.log") })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{rotatedAt(2)}, namesOf(log.Rotated)); diff != "" {
		t.Error(diff)
	}
}

// TestScanOfAFloodedDirectory has more names than are read at a time.
func TestScanOfAFloodedDirectory(t *testing.T) {
	p := newPlace(t)
	for i := range 3 * scanBatch {
		p.write(fmt.Sprintf("x%d", i), nil)
	}
	for i := range 60 {
		p.write(rotatedAt(i), nil)
	}
	if got := len(p.scan("0.log").Rotated); got != 60 {
		t.Errorf("%d rotated files, want 60", got)
	}
}

// TestSiblingDirectoriesAreOthers has two containers whose names share a beginning.
func TestSiblingDirectoriesAreOthers(t *testing.T) {
	p := newPlace(t)
	sibling := filepath.Join(filepath.Dir(p.path), "app-2")
	if err := os.Mkdir(sibling, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(sibling, rotatedAt(1)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if log := p.scan("0.log"); log.Rotated != nil {
		t.Errorf("%+v", log)
	}
}

// Each attempt's files are told apart from those of all others, however alike their names
// are, in the order of the attempts and not of their names.
func TestScanAttempts(t *testing.T) {
	p := newPlace(t)
	stamp := ".20200101-000000.000000000"
	for _, name := range []string{
		"10.log", "2.log", "2.log" + stamp, "2.log" + stamp + ".gz", "0.log" + stamp, "2.log.1", "02.log", "x.log", "2.logs", "2.log2", ".log", "log",
	} {
		p.write(name, []byte("x"))
	}
	logs, err := p.ScanAttempts()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, log := range logs {
		got = append(got, fmt.Sprint(log.Name, " ", log.Current != nil, " ", len(log.Rotated), " ", namesOf(log.Foreign)))
	}
	want := []string{"0.log false 1 []", "2.log true 2 [2.log.1]", "10.log true 0 []"}
	if !slices.Equal(got, want) {
		t.Errorf("logs %q, want %q", got, want)
	}
}
