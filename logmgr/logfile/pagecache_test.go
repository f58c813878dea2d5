package logfile

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/logname"
)

// cached is how many bytes of a file lie in the page cache.
func cached(t *testing.T, path string) int64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() == 0 {
		return 0
	}
	mapped, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatalf("mmap: %v", err)
	}
	page := os.Getpagesize()
	resident := make([]byte, (len(mapped)+page-1)/page)
	_, _, failed := unix.Syscall(unix.SYS_MINCORE,
		uintptr(unsafe.Pointer(&mapped[0])), uintptr(len(mapped)), uintptr(unsafe.Pointer(&resident[0])))
	if err := unix.Munmap(mapped); err != nil {
		t.Fatalf("munmap: %v", err)
	}
	if failed != 0 {
		t.Fatalf("mincore: %v", failed)
	}
	var pages int64
	for _, bits := range resident {
		pages += int64(bits & 1)
	}
	return pages * int64(page)
}

// onDisk is a folder on a disk: tmpfs has nothing but cache.
func onDisk(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "cri-logshim-") //nolint:usetesting // its directory may be on a tmpfs
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func syncFile(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// noise is n bytes that no encoder makes shorter, the same each time.
func noise(n int) []byte {
	var seed [32]byte
	out := make([]byte, n)
	_, _ = rand.NewChaCha8(seed).Read(out) // never fails
	return out
}

// TestCompressLeavesThePageCacheToOthers compresses a file of many times the step, which
// the page cache holds wholly at first: at no moment may much of the two files stay
// behind, although neither becomes smaller.
func TestCompressLeavesThePageCacheToOthers(t *testing.T) {
	const (
		size      = 12 * cacheStep
		readAhead = 2 * cacheStep // of the disk's choosing, usually an eighth of a MiB
	)
	for _, c := range []Compression{Gzip, Zstd} {
		p := newPlaceIn(t, onDisk(t))
		name := rotatedAt(1)
		p.write(name, noise(size))
		syncFile(t, p.file(name)) // as an old file is: what is to be written yet is not dropped
		if got := cached(t, p.file(name)); got < size/2 {
			t.Fatalf("%s: only %d bytes are cached before", c, got)
		}
		var read, most int64
		p.root.Rest = func(time.Duration) {
			read += copyBuffer
			behind := cached(t, p.file(name)) - max(size-read, 0)
			most = max(most, behind+cached(t, p.file(name+c.Suffix()+logname.TemporarySuffix)))
		}
		f, err := p.Compress(t.Context(), p.rotated(name), c)
		if err != nil {
			t.Fatal(err)
		}
		if read < size {
			t.Fatalf("%s: rested after %d of %d bytes", c, read, size)
		}
		if limit := int64(2*cacheStep + readAhead); most > limit {
			t.Errorf("%s: %d bytes of both files were in the page cache behind the encoder, want at most %d", c, most, limit)
		}
		t.Logf("%s: at most %d bytes behind the encoder", c, most)
		if got := cached(t, p.file(f.Name)); got > cacheStep {
			t.Errorf("%s: %d bytes of the result are still in the page cache", c, got)
		}
	}
}

// TestCompressReusesItsMemory: the second file costs next to none, and an encoder that
// was given up in the middle of a file leaves nothing of it in the next one.
func TestCompressReusesItsMemory(t *testing.T) {
	const (
		firstBound  = 8 << 20 // of zstd
		secondBound = 2 * copyBuffer
	)
	for _, c := range []Compression{Gzip, Zstd} {
		p := newPlace(t)
		content := bytes.Repeat(noise(1000), 20_000)
		allocated := func(second int) uint64 {
			p.write(rotatedAt(second), content)
			source := p.rotated(rotatedAt(second))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := p.Compress(t.Context(), source, c); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			return after.TotalAlloc - before.TotalAlloc
		}
		first := allocated(1)
		// The garbage collector may take the encoder between two files, and a pool under the
		// race detector forgets every fourth thing on purpose.
		second := first
		for n := 2; n < 22 && second > secondBound; n++ {
			second = min(second, allocated(n))
		}
		t.Logf("%s: %d bytes for the first file, %d for another", c, first, second)
		if first > firstBound {
			t.Errorf("%s: the first file took %d bytes, want at most %d", c, first, firstBound)
		}
		if second > secondBound {
			t.Errorf("%s: another file took %d bytes, want at most %d", c, second, secondBound)
		}
	}
}
