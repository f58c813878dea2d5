package logmgr_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// inotify returns the kernel's doorbell, which runs until the test ends.
func inotify(t *testing.T) *logmgr.Inotify {
	t.Helper()
	bell := logmgr.NewInotify()
	runBell(t, bell)
	return bell
}

// runBell lets a doorbell be heard until the test ends.
func runBell(t *testing.T, bell *logmgr.Inotify) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- bell.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// await waits until f is true; how long that takes is no property.
func await(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(time.Minute); !f(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestInotifyRingsOnce(t *testing.T) {
	for name, change := range map[string]func(file *os.File, path string) error{
		"written":   func(file *os.File, _ string) error { _, err := file.WriteString("x"); return err },
		"renamed":   func(_ *os.File, path string) error { return os.Rename(path, path+".1") },
		"removed":   func(_ *os.File, path string) error { return os.Remove(path) }, // and still open
		"truncated": func(file *os.File, _ string) error { return file.Truncate(3) },
	} {
		t.Run(name, func(t *testing.T) {
			bell := inotify(t)
			path := filepath.Join(t.TempDir(), "0.log")
			// The same name again and again, as a log has it.
			for range 3 {
				file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY, 0o600)
				if err != nil {
					t.Fatal(err)
				}
				rings := make(chan struct{}, 100)
				if err := bell.Arm(path, func() { rings <- struct{}{} }); err != nil {
					t.Fatal(err)
				}
				if len(rings) > 0 {
					t.Fatal("rings before anything has happened")
				}
				if err := change(file, path); err != nil {
					t.Fatal(err)
				}
				<-rings
				if _, err := file.WriteString("more"); err != nil {
					t.Error(err)
				}
				// Whatever that write would ring comes before this one's.
				bell.Disarm(path)
				other := filepath.Join(t.TempDir(), "other")
				if err := os.WriteFile(other, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				heard := make(chan struct{})
				if err := errors.Join(bell.Arm(other, func() { close(heard) }), os.WriteFile(other, []byte("x"), 0o600)); err != nil {
					t.Fatal(err)
				}
				<-heard
				bell.Disarm(other)
				if len(rings) > 0 {
					t.Error("rings more than once")
				}
				if err := file.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestInotifyOfNothing(t *testing.T) {
	bell := inotify(t)
	path := filepath.Join(t.TempDir(), "0.log")
	if err := bell.Arm(path, func() { t.Error("rings") }); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Arm of a missing file: %v", err)
	}
	bell.Disarm(path)
}

// TestWithInotify is the one life of a log in real time: it sleeps, is woken by a
// flood, sleeps again, is moved away in its sleep, loses its directory, ends.
func TestWithInotify(t *testing.T) {
	r := newRig(t)
	bell := &countingBell{Inotify: inotify(t), armed: map[string]bool{}}
	r.fake.Bell, r.options.Doorbell = nil, bell
	r.start()
	c := r.behind(r.facts("app"))
	r.Created(r.facts("app"))
	r.Started(c.ID(), false)
	r.must(c.Print("stdout", 3, 1000))
	asleep := func() bool { return bell.count() == 1 }
	await(t, "the log falls asleep", asleep)

	for round := 1; round <= 2; round++ {
		r.must(c.Print("stdout", 1100, 1000))
		await(t, "the log is rotated after a flood", func() bool { return c.Reopens() == round })
		await(t, "the log falls asleep again", asleep)
	}
	r.must(os.Rename(c.Path(), c.Path()+aside))
	await(t, "the log is reopened after somebody has moved it", func() bool { return c.Reopens() == 3 })
	await(t, "the log falls asleep after that", asleep)
	r.linesOnceEach(c)

	written := c.Written()["stdout"]
	r.must(os.RemoveAll(filepath.Dir(c.Path())))
	await(t, "the directory is made again and the log reopened in it", func() bool { return c.Reopens() == 4 })
	r.must(c.Print("stdout", 5, 1000))
	streams, err := runtimetest.Read(r.dir, c.Path())
	r.must(err)
	if s := streams["stdout"]; s == nil || s.First != written+1 || s.Last != written+5 {
		t.Errorf("in the new directory: %+v", s)
	}
	r.remove(c)
	await(t, "the log is let go of", func() bool { return bell.count() == 0 })
	r.end()
}

// countingBell knows where the kernel's doorbell is armed.
type countingBell struct {
	*logmgr.Inotify

	mu    sync.Mutex
	armed map[string]bool
}

func (b *countingBell) Arm(path string, ring func()) error {
	b.set(path, true)
	return b.Inotify.Arm(path, func() {
		b.set(path, false)
		ring()
	})
}

func (b *countingBell) Disarm(path string) {
	b.set(path, false)
	b.Inotify.Disarm(path)
}

func (b *countingBell) set(path string, armed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if armed {
		b.armed[path] = true
	} else {
		delete(b.armed, path)
	}
}

func (b *countingBell) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.armed)
}
