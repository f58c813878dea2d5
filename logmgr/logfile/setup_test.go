package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if what := os.Getenv(crashVariable); what != "" {
		os.Exit(crashChild(what))
	}
	goleak.VerifyTestMain(m)
}

// needsRoot reports a test that only root can run in the file of tests that were not run.
func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if path := os.Getenv("CRI_LOGSHIM_NOT_RUN_FILE"); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		_, err = fmt.Fprintln(f, t.Name())
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	t.Skip("needs root: mounts a file system, makes a device or gives a file away")
}

// place is a container's log directory for one test.
type place struct {
	t    *testing.T
	root *Root
	*Dir
	path string
}

const containerDir = "ns_pod_uid/app"

func newPlace(t *testing.T) *place {
	t.Helper()
	return newPlaceIn(t, t.TempDir())
}

func newPlaceIn(t *testing.T, base string) *place {
	t.Helper()
	path := filepath.Join(base, "pods", containerDir)
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := OpenRoot(filepath.Join(base, "pods"))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := root.Dir(containerDir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(dir.Close(), root.Close()); err != nil {
			t.Error(err)
		}
	})
	return &place{t: t, root: root, Dir: dir, path: path}
}

// tmpfs mounts a small file system for one test.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	needsRoot(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %q: %v", dir, err)
		}
	})
	return dir
}

func (p *place) file(name string) string { return filepath.Join(p.path, name) }

func (p *place) write(name string, content []byte) {
	p.t.Helper()
	if err := os.WriteFile(p.file(name), content, 0o640); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) append(name string, content []byte) {
	p.t.Helper()
	f, err := os.OpenFile(p.file(name), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Close()); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) content(name string) []byte {
	p.t.Helper()
	content, err := os.ReadFile(p.file(name))
	if err != nil {
		p.t.Fatal(err)
	}
	return content
}

func (p *place) stat(name string) Info {
	p.t.Helper()
	info, err := p.Stat(name)
	if err != nil {
		p.t.Fatal(err)
	}
	return info
}

func (p *place) scan(current string) Log {
	p.t.Helper()
	log, err := p.Scan(current)
	if err != nil {
		p.t.Fatal(err)
	}
	return log
}

// rotated is the file of the log 0.log that has this name.
func (p *place) rotated(name string) File {
	p.t.Helper()
	for _, f := range p.scan("0.log").Rotated {
		if f.Name == name {
			return f
		}
	}
	p.t.Fatalf("no rotated file %q", name)
	return File{}
}

// heal heals, and once more to see that nothing is left to do.
func (p *place) heal() []Repair {
	p.t.Helper()
	done, err := p.Heal(p.t.Context(), "0.log")
	if err != nil {
		p.t.Fatal(err)
	}
	again, err := p.Heal(p.t.Context(), "0.log")
	if err != nil || len(again) > 0 {
		p.t.Fatalf("healed again: %v, %v", again, err)
	}
	return done
}

func (p *place) readAll() []byte {
	p.t.Helper()
	r, err := p.Reader("0.log")
	if err != nil {
		p.t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		p.t.Fatal(err)
	}
	return content
}

// wantNames fails unless the directory holds exactly these names.
func (p *place) wantNames(want ...string) {
	p.t.Helper()
	entries, err := os.ReadDir(p.path)
	if err != nil {
		p.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, names); diff != "" {
		p.t.Errorf("names (-want +got):\n%s", diff)
	}
}

// lines are log lines with the numbers from first to below last.
func lines(first, last int) []byte {
	var b bytes.Buffer
	at := time.Date(2026, 11, 21, 1, 20, 2, 0, time.UTC)
	for i := first; i < last; i++ {
		// Some bytes that do not compress well, as in a real log.
		fmt.Fprintf(&b, "%s stdout F line %d %x\n", at.Add(time.Duration(i)*time.Microsecond).Format("2006-01-02T15:04:05.000000000Z07:00"), i, uint64(i)*0x9e3779b97f4a7c15)
	}
	return b.Bytes()
}

func stampAt(second int) Stamp {
	return Stamp{}.Next(time.Date(2026, 11, 21, 1, 20, second, 0, time.UTC))
}

func rotatedAt(second int) string { return RotatedName("0.log", stampAt(second)) }

func compressed(t *testing.T, content []byte, c Compression) []byte {
	t.Helper()
	var b bytes.Buffer
	encoder, err := NewEncoder(&b, c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := encoder.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := encoder.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
