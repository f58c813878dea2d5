package disk_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

// Who follows hundreds of containers leaves inotify instances to kubelet and the runtime, which are
// root's as well and of which there are few; and what it then has no watch for still wakes it.
func TestWatchesOfMany(t *testing.T) {
	n := newNode(t)
	n.mkdir(n.pods + "/" + dirOf(web()))
	d := n.open()
	before := instances(t)
	for range 200 {
		bell, err := d.Watch(t.Context(), web())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := bell.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	if got := instances(t) - before; got > 64 {
		t.Errorf("%d inotify instances for 200 bells", got)
	}
	last, err := d.Watch(t.Context(), web())
	if err != nil {
		t.Fatal(err)
	}
	if err := last.Wait(t.Context()); err != nil {
		t.Errorf("a bell without a watch gives %v instead of a ring", err)
	}
	ended, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := last.Wait(ended); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a bell that nobody waits for any longer gives %v", err)
	}
	if err := last.Close(); err != nil {
		t.Error(err)
	}
}

// instances is how many inotify instances this process has.
func instances(t *testing.T) (count int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil && to == "anon_inode:inotify" {
			count++
		}
	}
	return count
}
