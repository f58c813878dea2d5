package logmgr_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// TestFilesComeAndGo: somebody makes, renames and removes files beside the log all the
// time, so that they come and go while the directory is read. That holds up neither
// rotation nor compression nor removal, and no foreign file is touched.
func TestFilesComeAndGo(t *testing.T) {
	for _, maxFiles := range []int{4, 1000} {
		t.Run(fmt.Sprint(maxFiles), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.policy = policyOf(100*kib, maxFiles, logfile.Gzip, 0)
				r.start()
				c := r.run("app")
				foreign := c.Path() + ".orig"
				r.must(os.WriteFile(foreign, []byte("kept"), 0o600))
				over, ended := make(chan struct{}), make(chan struct{})
				go func() {
					defer close(ended)
					r.comeAndGo(c.Path(), over)
				}()
				r.print(c, 1e6, 10*time.Second)
				close(over)
				<-ended
				r.pass(3 * time.Minute)
				if text, err := os.ReadFile(foreign); err != nil || string(text) != "kept" {
					t.Errorf("the foreign file holds %q: %v", text, err)
				}
				r.must(os.Remove(foreign))
				plain := 0
				for _, name := range rotated(t, c.Path()) {
					if !strings.HasSuffix(name, ".gz") {
						plain++
					}
				}
				if plain != 1 {
					t.Errorf("%d rotated files are not compressed, not only the newest", plain)
				}
				if maxFiles > 10 {
					r.verify(c)
				} else if got := names(t, c.Path()); len(got) != maxFiles {
					t.Errorf("files: %q", got)
				}
				if c.Reopens() < 75 {
					t.Errorf("%d rotations", c.Reopens())
				}
			})
		})
	}
}

// comeAndGo makes files that belong to the log, or nearly, until over is closed, and
// leaves none.
func (r *rig) comeAndGo(log string, over <-chan struct{}) {
	files := []string{log + ".tmp", log + ".1", log + ".20200101-000000", log + ".20200101-000000.gz.tmp", log + "x"}
	for n := 0; ; n++ {
		select {
		case <-over:
			return
		case <-time.After(3 * time.Millisecond):
		}
		for _, name := range files {
			if err := os.WriteFile(name, nil, 0o600); err != nil {
				r.Error(err)
			}
		}
		renamed := log + fmt.Sprintf(".2020010%d-000000", 2+n%7)
		if err := os.Rename(log+".1", renamed); err != nil {
			r.Error(err)
		}
		for _, name := range append(files, renamed) {
			if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
				r.Error(err)
			}
		}
	}
}

// TestReadOnlyDirectory: while nothing can be renamed in the directory the log is written
// on, over its limit, and the runtime is not asked to reopen it. That is told with attempts
// that become rare, and another log is rotated as ever. Afterwards it is rotated once, and
// then held to its limit again.
func TestReadOnlyDirectory(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c, other := r.run("app"), r.run("other")
		r.must(c.Print("stdout", 10, 1000))
		release := readOnly(t, filepath.Dir(c.Path()))
		defer release()
		r.print(c, 1e6, 5*time.Second)
		r.print(other, 2e6, 3*time.Second)
		r.pass(5 * time.Minute)
		if len(c.Asked()) > 0 || len(rotated(t, c.Path())) > 0 {
			t.Errorf("%d reopens of a log that cannot be renamed, files %q", len(c.Asked()), names(t, c.Path()))
		}
		if got := other.Reopens(); got < 4 {
			t.Errorf("the other log was rotated %d times", got)
		}
		if got := r.said("cannot move the full log aside"); got < 4 || got > 7 {
			t.Errorf("said %d times in five minutes", got)
		}
		release()
		r.pass(time.Minute + time.Second)
		if got := rotated(t, c.Path()); len(got) != 1 || c.Reopens() != 1 {
			t.Errorf("%d reopens in the minute after, files %q", c.Reopens(), got)
		}
		r.print(c, 1e6, 3*time.Second)
		r.verify(c)
		r.inPlace(c)
	})
}

// readOnly lets no name in a directory be made, changed or removed until release is
// called, once or more. What is open for writing stays so.
func readOnly(t *testing.T, dir string) (release func()) {
	t.Helper()
	set := func(on bool) {
		if err := setReadOnly(dir, on); err != nil {
			t.Errorf("make %q read-only, or no longer: %v", dir, err)
		}
	}
	set(true)
	return func() { set(false) }
}

// setReadOnly asks the file system where permissions bind nobody.
func setReadOnly(dir string, on bool) (err error) {
	if os.Geteuid() != 0 {
		return os.Chmod(dir, map[bool]os.FileMode{true: 0o555, false: 0o755}[on])
	}
	const immutable = unix.STATX_ATTR_IMMUTABLE // the same bit as FS_IMMUTABLE_FL
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	flags, err := unix.IoctlGetInt(int(d.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil {
		return err
	}
	if flags &^= immutable; on {
		flags |= immutable
	}
	return unix.IoctlSetPointerInt(int(d.Fd()), unix.FS_IOC_SETFLAGS, flags)
}

// TestGrowsAfterItsReopen: containerd writes to a rotated file for a while after the
// reopen has returned. What comes then is neither cut off by compression nor removed.
func TestGrowsAfterItsReopen(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy = policyOf(100*kib, 1000, logfile.Gzip, 0)
		r.fake.FlushAfter = 1500 * time.Millisecond
		r.start()
		c := r.run("app")
		r.print(c, 500e3, 15*time.Second)
		r.fake.Flushed()
		r.pass(2 * time.Minute)
		compressed := 0
		for _, name := range rotated(t, c.Path()) {
			if strings.HasSuffix(name, ".gz") {
				compressed++
			}
		}
		if got := c.Reopens(); got < 50 || compressed != got-1 {
			t.Errorf("%d rotations, %d files compressed", got, compressed)
		}
		r.verify(c)
	})
}

// TestInotifyOverflow: when the kernel has thrown events away, everybody is rung, since
// nobody knows whom they were for.
func TestInotifyOverflow(t *testing.T) {
	bell := logmgr.NewInotify()
	rung := make(chan string, 3)
	files := map[string]*os.File{}
	for _, name := range []string{"a", "b", "quiet"} {
		path := filepath.Join(t.TempDir(), name)
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = file
		if err := bell.Arm(path, func() { rung <- name }); err != nil {
			t.Fatal(err)
		}
	}
	// Nobody listens yet. Two writers in turn, as equal events are taken together.
	for range 20_000 {
		for _, name := range []string{"a", "b"} {
			if _, err := files[name].WriteString("x"); err != nil {
				t.Fatal(err)
			}
		}
	}
	runBell(t, bell)
	heard := map[string]bool{}
	await(t, "everybody is rung", func() bool {
		select {
		case name := <-rung:
			heard[name] = true
		default:
		}
		return len(heard) == 3
	})
	for _, f := range files {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestReplacedInTheMiddle: somebody puts another file in the log's place while the
// runtime is asked to reopen it. If the runtime refuses, the log cannot go back there:
// both files are kept.
func TestReplacedInTheMiddle(t *testing.T) {
	for name, fault := range map[string]runtimetest.Fault{"reopened": {Swap: true}, "refused": runtimetest.Refuse()} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				const theirs = "2026-11-21T01:02:03.000000004Z stderr F theirs\n"
				r.start()
				c := r.run("app")
				fault.Before = func() { r.must(os.WriteFile(c.Path(), []byte(theirs), 0o640)) }
				c.Script(fault)
				r.must(c.Print("stdout", 1100, 1000))
				r.pass(100 * time.Millisecond)
				text, err := os.ReadFile(c.Path())
				r.must(err)
				if string(text) != theirs {
					t.Errorf("in the log's place is %.100q", text)
				}
				if got := rotated(t, c.Path()); len(got) != 1 {
					t.Errorf("rotated %q", got)
				}
				r.must(os.Truncate(c.Path(), 0)) // so that the lines can be counted
				r.print(c, 100e3, 30*time.Second)
				r.verify(c)
				r.inPlace(c)
			})
		})
	}
}
