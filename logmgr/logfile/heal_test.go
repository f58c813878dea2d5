package logfile

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/logname"
)

// TestHealPairs has X and X.gz in every relation that a crash, a full disk or a clock can
// bring about. want is what Reader yields before and after, left the names that stay.
func TestHealPairs(t *testing.T) {
	const x = "0.log.20261025-023000"
	long, short, other := lines(0, 9000), lines(0, 4000), lines(20000, 20100)
	for what, c := range map[string]struct {
		plain, compressed []byte // the second is as it lies on disk
		left              []string
		want              []byte
	}{
		"complete":                     {long, compressed(t, long, Gzip), []string{x + ".gz"}, long},
		"complete, empty":              {nil, compressed(t, nil, Gzip), []string{x + ".gz"}, nil},
		"plain one cut by a crash":     {long[:100000], compressed(t, long, Gzip), []string{x + ".gz"}, long},
		"plain one empty":              {nil, compressed(t, long, Gzip), []string{x + ".gz"}, long},
		"in two members":               {long, append(compressed(t, long[:1000], Gzip), compressed(t, long[1000:], Gzip)...), []string{x + ".gz"}, long},
		"compressed one cut at 0":      {long, nil, []string{x}, long},
		"compressed one cut at 10":     {long, compressed(t, long, Gzip)[:10], []string{x}, long},
		"compressed one cut in half":   {long, compressed(t, long, Gzip)[:50000], []string{x}, long},
		"compressed one lacks its sum": {long, cutBy(compressed(t, long, Gzip), 4), []string{x}, long},
		"compressed one is zeros":      {long, make([]byte, 4096), []string{x}, long},
		"compressed one is no gzip":    {long, []byte("no gzip at all"), []string{x}, long},
		"garbage follows":              {long, append(compressed(t, long, Gzip), "garbage"...), []string{x}, long},
		"plain one has grown":          {long, compressed(t, short, Gzip), []string{x}, long},
		"both empty, compressed cut":   {nil, nil, []string{x}, nil},
		"another log":                  {other, compressed(t, long, Gzip), []string{x + ".gz", separated(t, x)}, append(bytes.Clone(long), other...)},
	} {
		p := newPlace(t)
		p.write(x, c.plain)
		p.write(x+".gz", c.compressed)
		done := p.heal()
		if len(done) != 1 {
			t.Errorf("%s: %v", what, done)
		}
		t.Run(what, func(t *testing.T) {
			p := &place{t: t, root: p.root, Dir: p.Dir, path: p.path}
			p.wantNames(c.left...)
			if got := p.readAll(); !bytes.Equal(got, c.want) {
				t.Errorf("%d bytes, want %d", len(got), len(c.want))
			}
		})
	}
}

func cutBy(b []byte, n int) []byte { return b[:len(b)-n] }

// separated is the name that kubelet's file x gets when its namesake is another log.
func separated(t *testing.T, x string) string {
	t.Helper()
	r, ok := logname.ParseRotated("0.log", x)
	if !ok {
		t.Fatal(x)
	}
	return RotatedName("0.log", orderOf(r, time.Now(), time.Local).Next(time.Time{}))
}

// TestHealKeepsTwoDamagedLogsApart has nothing that it may call a copy of the other.
func TestHealKeepsTwoDamagedLogsApart(t *testing.T) {
	p := newPlace(t)
	p.write(rotatedAt(1), lines(500, 600))
	p.write(rotatedAt(1)+".gz", cutBy(compressed(t, lines(0, 5000), Gzip), 100))
	p.write(RotatedName("0.log", stampAt(1).Next(time.Time{})), lines(600, 700)) // takes the next stamp
	p.heal()
	p.wantNames(rotatedAt(1)+".gz", RotatedName("0.log", stampAt(1).Next(time.Time{})), RotatedName("0.log", stampAt(1).Next(time.Time{}).Next(time.Time{})))
}

func TestHealZstd(t *testing.T) {
	p := newPlace(t)
	p.write(rotatedAt(1), lines(0, 100))
	p.write(rotatedAt(1)+".zst", compressed(t, lines(0, 100), Zstd))
	p.write(rotatedAt(2), lines(100, 5000))
	p.write(rotatedAt(2)+".zst", cutBy(compressed(t, lines(100, 5000), Zstd), 50))
	p.heal()
	p.wantNames(rotatedAt(1)+".zst", rotatedAt(2))
	if got := p.readAll(); !bytes.Equal(got, lines(0, 5000)) {
		t.Errorf("%d bytes", len(got))
	}
}

func TestHealRemovesUnfinishedCompressions(t *testing.T) {
	p := newPlace(t)
	held := rotatedAt(4) + ".gz.tmp"
	foreign := []string{"0.log.tmp", "1.log.20261121-012002.gz.tmp", "x.tmp"}
	for _, name := range append(foreign, held, rotatedAt(1)+".gz.tmp", rotatedAt(2)+".zst.tmp", "0.log.20261121-012002.tmp") {
		p.write(name, []byte("unfinished"))
	}
	writer, err := os.OpenFile(p.file(held), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if done := p.heal(); len(done) != 3 {
		t.Errorf("%v", done)
	}
	p.wantNames(append(foreign, held)...)
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	p.heal()
	p.wantNames(foreign...)
}

func TestHealLeavesAloneWhatIsWritten(t *testing.T) {
	p := newPlace(t)
	for _, open := range []string{rotatedAt(1), rotatedAt(1) + ".gz"} {
		p.write(rotatedAt(1), lines(0, 100))
		p.write(rotatedAt(1)+".gz", compressed(t, lines(0, 100), Gzip))
		writer, err := os.OpenFile(p.file(open), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if done := p.heal(); len(done) != 0 {
			t.Errorf("%v", done)
		}
		p.wantNames(rotatedAt(1), rotatedAt(1)+".gz")
		if got := p.readAll(); !bytes.Equal(got, lines(0, 100)) {
			t.Errorf("%d bytes", len(got))
		}
		if err := writer.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHealDoesNotTrustAnUnreadableDisk gets an error of reading, not a damaged file.
func TestHealDoesNotTrustAnUnreadableDisk(t *testing.T) {
	p := newPlace(t)
	p.write(rotatedAt(1), lines(0, 100))
	p.write(rotatedAt(1)+".gz", compressed(t, lines(0, 100), Gzip))
	for n := 1; n <= 4; n++ {
		var err error
		tr := &trap{call: unix.SYS_READ, do: func(at int) unix.Errno {
			if at == n {
				return unix.EIO
			}
			return 0
		}}
		withTraps(t, []*trap{tr}, func() { _, err = p.Heal(context.Background(), "0.log") })
		if !errors.Is(err, unix.EIO) {
			t.Errorf("read %d of %d: %v; want EIO", n, tr.hits, err)
		}
		p.wantNames(rotatedAt(1), rotatedAt(1)+".gz")
	}
}

// TestHealSyncsBeforeItRemoves fails to make the compressed file durable: kubelet does not
// sync its own.
func TestHealSyncsBeforeItRemoves(t *testing.T) {
	for n := 1; n <= 2; n++ { // the file, the directory
		p := newPlace(t)
		p.write(rotatedAt(1), lines(0, 100))
		p.write(rotatedAt(1)+".gz", compressed(t, lines(0, 100), Gzip))
		var err error
		withTraps(t, []*trap{{call: unix.SYS_FSYNC, do: func(at int) unix.Errno {
			if at == n {
				return unix.EIO
			}
			return 0
		}}}, func() { _, err = p.Heal(context.Background(), "0.log") })
		if !errors.Is(err, unix.EIO) {
			t.Errorf("fsync %d: %v; want EIO", n, err)
		}
		p.wantNames(rotatedAt(1), rotatedAt(1)+".gz")
	}
}

func TestHealStopsWithItsContext(t *testing.T) {
	p := newPlace(t)
	p.write(rotatedAt(1), lines(0, 100))
	p.write(rotatedAt(1)+".gz", compressed(t, lines(0, 100), Gzip))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Heal(ctx, "0.log"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	p.wantNames(rotatedAt(1), rotatedAt(1)+".gz")
}

// TestHealFinishesACutRename has two names of one file, as link and unlink leave them.
func TestHealFinishesACutRename(t *testing.T) {
	for _, names := range [][2]string{{"0.log", rotatedAt(1)}, {rotatedAt(1), rotatedAt(2)}} {
		p := newPlace(t)
		p.write(names[0], lines(0, 10))
		if err := os.Link(p.file(names[0]), p.file(names[1])); err != nil {
			t.Fatal(err)
		}
		if done := p.heal(); len(done) != 1 {
			t.Errorf("%v", done)
		}
		p.wantNames(names[1])
		if got := p.readAll(); !bytes.Equal(got, lines(0, 10)) {
			t.Errorf("%d bytes", len(got))
		}
	}
	// Three names, or one elsewhere, are no work of ours.
	p := newPlace(t)
	p.write("elsewhere", lines(0, 10))
	for _, name := range []string{"0.log", rotatedAt(1)} {
		if err := os.Link(p.file("elsewhere"), p.file(name)); err != nil {
			t.Fatal(err)
		}
	}
	if done := p.heal(); len(done) != 0 {
		t.Errorf("%v", done)
	}
	p.wantNames("elsewhere", "0.log", rotatedAt(1))
}
