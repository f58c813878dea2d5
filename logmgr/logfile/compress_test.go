package logfile

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestCompress(t *testing.T) {
	for _, c := range []Compression{Gzip, Zstd} {
		for size, content := range map[string][]byte{"empty": {}, "small": lines(0, 10), "large": lines(0, 50000)} {
			p := newPlace(t)
			name := rotatedAt(1)
			p.write(name, content)
			at := time.Date(2026, 11, 21, 1, 20, 2, 123456789, time.UTC)
			if err := errors.Join(os.Chmod(p.file(name), 0o604), os.Chtimes(p.file(name), at, at)); err != nil {
				t.Fatal(err)
			}
			source := p.rotated(name)
			f, err := p.Compress(t.Context(), source, c)
			if err != nil {
				t.Fatalf("%s %s: %v", c, size, err)
			}
			p.wantNames(name + c.Suffix())
			if got := p.rotated(f.Name); got != f || got.Stamp != source.Stamp || got.Compression != c {
				t.Errorf("%s %s: returned %+v, found %+v", c, size, f, got)
			}
			if !f.ModTime.Equal(at) || f.Mode != 0o604 || f.UID != source.UID || f.GID != source.GID || f.Links != 1 {
				t.Errorf("%s %s: %+v", c, size, f.Info)
			}
			if size == "large" && f.Disk >= source.Disk {
				t.Errorf("%s: %d bytes became %d", c, source.Disk, f.Disk)
			}
			if got := p.readAll(); !bytes.Equal(got, content) {
				t.Errorf("%s %s: %d bytes came back as %d", c, size, len(content), len(got))
			}
		}
	}
}

func TestCompressKeepsTheOwner(t *testing.T) {
	needsRoot(t)
	p := newPlace(t)
	p.write(rotatedAt(1), lines(0, 10))
	if err := os.Chown(p.file(rotatedAt(1)), 0, 4711); err != nil {
		t.Fatal(err)
	}
	f, err := p.Compress(t.Context(), p.rotated(rotatedAt(1)), Gzip)
	if err != nil || f.UID != 0 || f.GID != 4711 {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestCompressRefusesWhatIsNoPlainRotatedFile(t *testing.T) {
	p := newPlace(t)
	p.write("0.log", lines(0, 10))
	p.write(rotatedAt(1)+".gz", compressed(t, lines(0, 10), Gzip))
	p.write(rotatedAt(2), lines(0, 10))
	current := *p.scan("0.log").Current
	for what, call := range map[string]func() error{
		"current":     func() error { _, err := p.Compress(t.Context(), current, Gzip); return err },
		"compressed":  func() error { _, err := p.Compress(t.Context(), p.rotated(rotatedAt(1)+".gz"), Zstd); return err },
		"plain":       func() error { _, err := p.Compress(t.Context(), p.rotated(rotatedAt(2)), Plain); return err },
		"unknown way": func() error { _, err := p.Compress(t.Context(), p.rotated(rotatedAt(2)), "xz"); return err },
	} {
		if err := call(); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", what, err)
		}
	}
	p.wantNames("0.log", rotatedAt(1)+".gz", rotatedAt(2))
}

// unharmed fails unless the source is all there and nothing else is.
func (p *place) unharmed(what string, content []byte) {
	p.t.Helper()
	p.t.Run(what, func(t *testing.T) {
		p := &place{t: t, root: p.root, Dir: p.Dir, path: p.path}
		p.wantNames(rotatedAt(1))
		if got := p.content(rotatedAt(1)); !bytes.Equal(got, content) {
			t.Errorf("the source has %d bytes, want %d", len(got), len(content))
		}
	})
}

// TestCompressFailsWithoutHarm makes each system call fail in turn, with each of the
// errors it may have.
func TestCompressFailsWithoutHarm(t *testing.T) {
	content := lines(0, 5000)
	second := func(call uintptr, errno unix.Errno) *trap {
		return &trap{call: call, do: func(n int) unix.Errno {
			if n == 2 {
				return errno
			}
			return 0
		}}
	}
	create := failing(unix.SYS_OPENAT, unix.ENOSPC)
	create.when = creates
	for what, c := range map[string]struct {
		trap *trap
		want error
	}{
		"no inodes":                {create, unix.ENOSPC},
		"owner not allowed":        {failing(unix.SYS_FCHOWN, unix.EPERM), unix.EPERM},
		"mode not allowed":         {failing(unix.SYS_FCHMOD, unix.EPERM), unix.EPERM},
		"read error":               {failing(unix.SYS_READ, unix.EIO), unix.EIO},
		"full":                     {failing(unix.SYS_WRITE, unix.ENOSPC), unix.ENOSPC},
		"over quota, later":        {second(unix.SYS_WRITE, unix.EDQUOT), unix.EDQUOT},
		"times not allowed":        {failing(unix.SYS_UTIMENSAT, unix.EPERM), unix.EPERM},
		"write-back error, file":   {failing(unix.SYS_FSYNC, unix.EIO), unix.EIO},
		"write-back error, folder": {second(unix.SYS_FSYNC, unix.EIO), unix.EIO},
		"rename":                   {failing(unix.SYS_RENAMEAT2, unix.EIO), unix.EIO},
	} {
		p := newPlace(t)
		p.write(rotatedAt(1), content)
		source := p.rotated(rotatedAt(1))
		var err error
		withTraps(t, []*trap{c.trap}, func() { _, err = p.Compress(context.Background(), source, Gzip) })
		if !errors.Is(err, c.want) || c.trap.hits == 0 {
			t.Errorf("%s: %v; want %v", what, err, c.want)
		}
		p.unharmed(what, content)
		if _, err := p.Compress(t.Context(), p.rotated(rotatedAt(1)), Gzip); err != nil {
			t.Errorf("%s: the next attempt: %v", what, err)
		}
	}
}

func TestCompressWithoutLeasesDoesNothing(t *testing.T) {
	p := newPlace(t)
	p.write(rotatedAt(1), lines(0, 100))
	source := p.rotated(rotatedAt(1))
	var err error
	withoutLeases(t, noLeases(unix.EINVAL), func() { _, err = p.Compress(context.Background(), source, Gzip) })
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	p.unharmed("no leases", lines(0, 100))
}

// TestCompressHeedsTheErrorOfClose is what kubelet's own compression does not.
func TestCompressHeedsTheErrorOfClose(t *testing.T) {
	p := newPlace(t)
	p.write(rotatedAt(1), lines(0, 100))
	source := p.rotated(rotatedAt(1))
	var numbers []uint64 // whose close failed, and which are closed below
	synced := false
	var err error
	closing := &trap{call: unix.SYS_CLOSE}
	closing.when = func(args [6]uint64) bool {
		if !synced || len(numbers) > 0 {
			return false
		}
		numbers = append(numbers, args[0])
		return true
	}
	closing.do = func(int) unix.Errno { return unix.EIO }
	withTraps(t, []*trap{before(unix.SYS_FSYNC, func() { synced = true }), closing}, func() {
		_, err = p.Compress(context.Background(), source, Gzip)
	})
	for _, fd := range numbers {
		if err := unix.Close(int(fd)); err != nil {
			t.Error(err)
		}
	}
	if !errors.Is(err, unix.EIO) || len(numbers) != 1 {
		t.Errorf("%v, %v", err, numbers)
	}
	p.unharmed("close", lines(0, 100))
}

// TestCompressThatCannotRemoveLeavesBoth is repaired by Heal.
func TestCompressThatCannotRemoveLeavesBoth(t *testing.T) {
	p := newPlace(t)
	p.write(rotatedAt(1), lines(0, 100))
	source := p.rotated(rotatedAt(1))
	var err error
	withTraps(t, []*trap{failing(unix.SYS_UNLINKAT, unix.EIO)}, func() { _, err = p.Compress(context.Background(), source, Gzip) })
	if !errors.Is(err, unix.EIO) {
		t.Error(err)
	}
	p.wantNames(rotatedAt(1), rotatedAt(1)+".gz")
	if got := p.readAll(); !bytes.Equal(got, lines(0, 100)) {
		t.Errorf("before healing: %d bytes", len(got))
	}
	p.heal()
	p.wantNames(rotatedAt(1) + ".gz")
	if got := p.readAll(); !bytes.Equal(got, lines(0, 100)) {
		t.Errorf("after healing: %d bytes", len(got))
	}
}

// TestCompressOnAFullFileSystem has no room for the result, in bytes or in inodes.
func TestCompressOnAFullFileSystem(t *testing.T) {
	content := lines(0, 10000)
	if len(content) < 600<<10 || len(content) > 900<<10 {
		t.Fatalf("the log has %d bytes", len(content))
	}
	for _, options := range []string{"size=1m", "size=8m,nr_inodes=5"} {
		p := newPlaceIn(t, tmpfs(t, options))
		p.write(rotatedAt(1), content)
		if options == "size=1m" {
			err := os.WriteFile(p.root.Path()+"/filler", make([]byte, 1<<20), 0o600)
			if !errors.Is(err, unix.ENOSPC) {
				t.Fatalf("not full: %v", err)
			}
		}
		for range 3 {
			if _, err := p.Compress(t.Context(), p.rotated(rotatedAt(1)), Gzip); !errors.Is(err, unix.ENOSPC) {
				t.Errorf("%s: %v; want ENOSPC", options, err)
			}
			p.unharmed(options, content)
		}
		// A rotation needs no room.
		if err := p.Rename(rotatedAt(1), rotatedAt(2), p.stat(rotatedAt(1)).ID); err != nil {
			t.Errorf("%s: rename: %v", options, err)
		}
		if got := p.readAll(); !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes", options, len(got))
		}
	}
}

func TestCompressOnAReadOnlyFileSystem(t *testing.T) {
	mount := tmpfs(t, "size=4m")
	p := newPlaceIn(t, mount)
	p.write(rotatedAt(1), lines(0, 1000))
	if err := unix.Mount("", mount, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	f := p.rotated(rotatedAt(1))
	if _, err := p.Compress(t.Context(), f, Gzip); !errors.Is(err, unix.EROFS) {
		t.Errorf("Compress: %v", err)
	}
	if err := p.Rename(f.Name, rotatedAt(2), f.ID); !errors.Is(err, unix.EROFS) {
		t.Errorf("Rename: %v", err)
	}
	if err := p.Remove(f.Name, f.ID); !errors.Is(err, unix.EROFS) {
		t.Errorf("Remove: %v", err)
	}
	p.unharmed("read-only", lines(0, 1000))
}

func TestCompressOfAHeldSource(t *testing.T) {
	p := newPlace(t)
	p.write(rotatedAt(1), lines(0, 100))
	writer, err := os.OpenFile(p.file(rotatedAt(1)), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Compress(t.Context(), p.rotated(rotatedAt(1)), Gzip); !errors.Is(err, ErrHeld) {
		t.Errorf("%v; want ErrHeld", err)
	}
	p.unharmed("held", lines(0, 100))
	_, err = writer.Write(lines(100, 200))
	if err := errors.Join(err, writer.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Compress(t.Context(), p.rotated(rotatedAt(1)), Gzip); err != nil {
		t.Error(err)
	}
	if got := p.readAll(); !bytes.Equal(got, lines(0, 200)) {
		t.Errorf("%d bytes", len(got))
	}
}

// TestCompressOfASourceThatChanges lets the source grow or be opened before each of the steps that follow the reading.
func TestCompressOfASourceThatChanges(t *testing.T) {
	steps := map[string]uintptr{"utimensat": unix.SYS_UTIMENSAT, "fsync": unix.SYS_FSYNC, "renameat2": unix.SYS_RENAMEAT2}
	for step, call := range steps {
		for change, c := range map[string]struct {
			do   func(p *place)
			want error
			left []byte
		}{
			"grown": {func(p *place) { p.append(rotatedAt(1), lines(100, 101)) }, ErrGrown, lines(0, 101)},
			"opened": {func(p *place) {
				f, err := os.OpenFile(p.file(rotatedAt(1)), os.O_WRONLY, 0)
				if err != nil {
					t.Error(err)
				}
				t.Cleanup(func() { _ = f.Close() })
			}, ErrHeld, lines(0, 100)},
		} {
			p := newPlace(t)
			p.write(rotatedAt(1), lines(0, 100))
			source := p.rotated(rotatedAt(1))
			var err error
			withTraps(t, []*trap{before(call, func() { c.do(p) })}, func() { _, err = p.Compress(context.Background(), source, Zstd) })
			if !errors.Is(err, c.want) {
				t.Errorf("%s before %s: %v; want %v", change, step, err, c.want)
			}
			p.unharmed(change+" before "+step, c.left)
		}
	}
}

// TestCompressOfASourceThatGoes has somebody else take the source's name away: what is
// then the only copy stays.
func TestCompressOfASourceThatGoes(t *testing.T) {
	for step, call := range map[string]uintptr{"utimensat": unix.SYS_UTIMENSAT, "renameat2": unix.SYS_RENAMEAT2, "unlinkat": unix.SYS_UNLINKAT} {
		for _, replaced := range []bool{false, true} {
			p := newPlace(t)
			p.write(rotatedAt(1), lines(0, 100))
			source := p.rotated(rotatedAt(1))
			var err error
			withTraps(t, []*trap{before(call, func() {
				if err := os.Remove(p.file(rotatedAt(1))); err != nil {
					t.Error(err)
				}
				if replaced && call != unix.SYS_UNLINKAT {
					p.write(rotatedAt(1), lines(100, 200))
				}
			})}, func() { _, err = p.Compress(context.Background(), source, Gzip) })
			want := lines(0, 100)
			if replaced && call != unix.SYS_UNLINKAT {
				want = lines(0, 200)
				if !errors.Is(err, ErrChanged) {
					t.Errorf("replaced before %s: %v; want ErrChanged", step, err)
				}
			} else if err != nil {
				t.Errorf("removed before %s: %v", step, err)
			}
			p.heal()
			if got := p.readAll(); !bytes.Equal(got, want) {
				t.Errorf("before %s, replaced %v: %d bytes, want %d", step, replaced, len(got), len(want))
			}
		}
	}
}

func TestCompressStopsWithItsContext(t *testing.T) {
	p := newPlace(t)
	content := lines(0, 20000)
	p.write(rotatedAt(1), content)
	source := p.rotated(rotatedAt(1))
	why := errors.New("the manager ends")
	for n := 1; n <= 3; n++ { // before the first read and between two
		ctx, cancel := context.WithCancelCause(context.Background())
		if n == 1 {
			cancel(why)
		}
		var err error
		withTraps(t, []*trap{{call: unix.SYS_WRITE, do: func(at int) unix.Errno {
			if at == n-1 {
				cancel(why)
			}
			return 0
		}}}, func() { _, err = p.Compress(ctx, source, Gzip) })
		cancel(nil)
		if !errors.Is(err, why) {
			t.Errorf("%d: %v; want %v", n, err, why)
		}
		p.unharmed("cancelled", content)
	}
}

func TestCompressMeetsALeftover(t *testing.T) {
	p := newPlace(t)
	content := lines(0, 100)
	tmp := rotatedAt(1) + ".gz.tmp"
	p.write(rotatedAt(1), content)
	source := p.rotated(rotatedAt(1))

	// Of somebody who is writing it:
	p.write(tmp, []byte("unfinished"))
	writer, err := os.OpenFile(p.file(tmp), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Compress(t.Context(), source, Gzip); !errors.Is(err, ErrHeld) {
		t.Errorf("a leftover that is written: %v", err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	// A finished one of the same name is not overwritten:
	p.write(rotatedAt(1)+".gz", []byte("finished"))
	if _, err := p.Compress(t.Context(), source, Gzip); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a finished one: %v", err)
	}
	p.wantNames(rotatedAt(1), rotatedAt(1)+".gz")
	if err := os.Remove(p.file(rotatedAt(1) + ".gz")); err != nil {
		t.Fatal(err)
	}
	// A planted link is not followed:
	if err := os.Symlink(p.file("victim"), p.file(tmp)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Compress(t.Context(), source, Gzip); err != nil {
		t.Error(err)
	}
	p.wantNames(rotatedAt(1) + ".gz")
}

// TestCompressIsDurableBeforeTheSourceGoes looks at the order of the system calls.
func TestCompressIsDurableBeforeTheSourceGoes(t *testing.T) {
	p := newPlace(t)
	p.write(rotatedAt(1), lines(0, 100))
	source := p.rotated(rotatedAt(1))
	var got []string
	record := func(call uintptr, name string) *trap {
		return &trap{call: call, do: func(int) unix.Errno { got = append(got, name); return 0 }}
	}
	create := record(unix.SYS_OPENAT, "create")
	create.when = creates
	folder := record(unix.SYS_FSYNC, "fsync folder")
	folder.when = func(args [6]uint64) bool { return int(args[0]) == p.dir.fd }
	file := record(unix.SYS_FSYNC, "fsync file")
	file.when = func(args [6]uint64) bool { return int(args[0]) != p.dir.fd }
	var err error
	withTraps(t, []*trap{
		create, record(unix.SYS_FCHOWN, "owner"), record(unix.SYS_FCHMOD, "mode"), record(unix.SYS_UTIMENSAT, "times"),
		file, folder, record(unix.SYS_RENAMEAT2, "rename"), record(unix.SYS_UNLINKAT, "unlink"),
	}, func() { _, err = p.Compress(context.Background(), source, Gzip) })
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"create", "owner", "mode", "times", "fsync file", "rename", "fsync folder", "unlink"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
