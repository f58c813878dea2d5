package logfile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"golang.org/x/sys/unix"
)

func TestReaderReadsEverythingOldestFirst(t *testing.T) {
	p := newPlace(t)
	p.write("0.log.20200101-000000.gz", compressed(t, lines(0, 3000), Gzip))
	p.write(rotatedAt(1)+".zst", compressed(t, lines(3000, 6000), Zstd))
	p.write(rotatedAt(2)+".gz", compressed(t, nil, Gzip))
	p.write(rotatedAt(3), lines(6000, 6100))
	p.write(rotatedAt(4), nil)
	p.write("0.log", lines(6100, 6110))
	p.write(rotatedAt(3)+".gz.tmp", []byte("unfinished"))
	p.write("0.log.bak", []byte("foreign"))
	p.write("00.log", []byte("another"))
	if got := p.readAll(); !bytes.Equal(got, lines(0, 6110)) {
		t.Errorf("%d bytes, want %d", len(got), len(lines(0, 6110)))
	}
	r, err := p.Reader("0.log")
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(r, lines(0, 6110)); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestReaderOfNothing(t *testing.T) {
	p := newPlace(t)
	if got := p.readAll(); len(got) != 0 {
		t.Errorf("%q", got)
	}
	if _, err := p.Reader("a/b"); !errors.Is(err, ErrName) {
		t.Error(err)
	}
}

func TestReaderNamesADamagedFile(t *testing.T) {
	for _, c := range []Compression{Gzip, Zstd} {
		for _, left := range []int{0, 5, 1000} {
			p := newPlace(t)
			name := rotatedAt(1) + c.Suffix()
			p.write(name, compressed(t, lines(0, 1000), c)[:left])
			p.write("0.log", lines(1000, 1010))
			r, err := p.Reader("0.log")
			if err != nil {
				t.Fatal(err)
			}
			_, err = io.ReadAll(r)
			if err == nil || !bytes.Contains([]byte(err.Error()), []byte(name)) {
				t.Errorf("%q cut to %d bytes: %v", name, left, err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestReaderCloseInTheMiddle(t *testing.T) {
	p := newPlace(t)
	p.write(rotatedAt(1)+".gz", compressed(t, lines(0, 3000), Gzip))
	p.write("0.log", lines(3000, 3010))
	before := openFiles(t)
	r, err := p.Reader("0.log")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Read(make([]byte, 10)); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Read after Close: %v", err)
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d files were open, now %d", before, after)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestReaderHasEverythingOpen rotates, compresses and removes after the first byte.
func TestReaderHasEverythingOpen(t *testing.T) {
	p := newPlace(t)
	p.write(rotatedAt(1), lines(0, 10))
	p.write(rotatedAt(2), lines(10, 20))
	p.write("0.log", lines(20, 30))
	r, err := p.Reader("0.log")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Rename("0.log", rotatedAt(3), p.stat("0.log").ID); err != nil {
		t.Fatal(err)
	}
	p.write("0.log", lines(30, 40))
	if _, err := p.Compress(t.Context(), p.rotated(rotatedAt(2)), Gzip); err != nil {
		t.Fatal(err)
	}
	if err := p.Remove(rotatedAt(1), p.stat(rotatedAt(1)).ID); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, lines(0, 30)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestReaderMeetsARotation rotates between two of the reader's own looks.
func TestReaderMeetsARotation(t *testing.T) {
	for _, call := range []uintptr{unix.SYS_NEWFSTATAT, unix.SYS_OPENAT, unix.SYS_GETDENTS64} {
		for n := 1; n <= 6; n++ {
			p := newPlace(t)
			p.write(rotatedAt(1), lines(0, 10))
			p.write("0.log", lines(10, 20))
			id := p.stat("0.log").ID
			var got []byte
			var err error
			withTraps(t, []*trap{{call: call, do: func(at int) unix.Errno {
				if at == n {
					if err := p.Rename("0.log", rotatedAt(2), id); err != nil {
						t.Error(err)
					}
					p.write("0.log", lines(20, 30))
				}
				return 0
			}}}, func() {
				r, failed := p.Reader("0.log")
				if failed != nil {
					err = failed
					return
				}
				got, err = io.ReadAll(r)
				err = errors.Join(err, r.Close())
			})
			// As it was before the rotation, or as it is after it.
			if err != nil || !bytes.Equal(got, lines(0, 20)) && !bytes.Equal(got, lines(0, 30)) {
				t.Errorf("rotated before call %d of number %d: %d bytes, %v", n, call, len(got), err)
			}
		}
	}
}

// TestReaderBesideAWriter reads again and again while lines are written, rotated and
// compressed, and wants a whole beginning of the log each time.
func TestReaderBesideAWriter(t *testing.T) {
	p := newPlace(t)
	const rotations, each = 60, 50
	var wait sync.WaitGroup
	stop := make(chan struct{})
	wait.Go(func() {
		defer close(stop)
		var last Stamp
		for i := range rotations {
			p.write("0.log", lines(i*each, (i+1)*each))
			log, err := p.Scan("0.log")
			if err != nil {
				t.Error(err)
				return
			}
			last = last.Next(time.Now())
			if err := p.Rename("0.log", RotatedName("0.log", last), log.Current.ID); err != nil {
				t.Error(err)
				return
			}
			if i%3 == 2 {
				if _, err := p.Compress(t.Context(), log.Rotated[len(log.Rotated)-1], Gzip); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	all := lines(0, rotations*each)
	reads := 0
	for done := false; !done; reads++ {
		select {
		case <-stop:
			done = true
		default:
		}
		r, err := p.Reader("0.log")
		if errors.Is(err, errVanished) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrChanged) {
			continue // the writer here rotates as fast as it can, without any rate to it
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(all, got) {
			t.Fatalf("read %d: not a beginning of the log", reads)
		}
	}
	wait.Wait()
	if got := p.readAll(); !bytes.Equal(got, all) {
		t.Errorf("%d bytes, want %d", len(got), len(all))
	}
}

func TestReadersMemoryDoesNotGrowWithTheLog(t *testing.T) {
	p := newPlace(t)
	content := bytes.Repeat(lines(0, 10000), 20)
	p.write(rotatedAt(1)+".gz", compressed(t, content, Gzip))
	p.write(rotatedAt(2)+".zst", compressed(t, content, Zstd))
	p.write("0.log", content)
	result := testing.Benchmark(func(b *testing.B) {
		b.Helper()
		for b.Loop() {
			r, err := p.Reader("0.log")
			if err != nil {
				b.Fatal(err)
			}
			n, err := io.Copy(io.Discard, r)
			if err := errors.Join(err, r.Close()); err != nil || n != int64(3*len(content)) {
				b.Fatal(n, err)
			}
		}
	})
	if got := result.AllocedBytesPerOp(); got == 0 || got > int64(len(content)) {
		t.Errorf("%d bytes allocated to read %d", got, 3*len(content))
	}
}
