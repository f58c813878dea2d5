package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// Work that is stuck in a file does not keep the process, when no call needs it
// any longer: until it has ended, no successor has its place. Here a fifo stands
// for the dead disk.
func TestEndWithoutWhatIsStuck(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	newFakeRuntime().serve(t, p.config.RuntimeEndpoint)
	d := p.serve(t, extras{})
	works(t, p)
	next := p.file() + ".next"
	if err := syscall.Mkfifo(next, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, p.file()); err != nil {
		t.Fatal(err)
	}
	// It is open for writing as soon as somebody reads, who then gets nothing.
	var held *os.File
	eventually(t, "the daemon to read the fifo", func() (reads bool) {
		var err error
		held, err = os.OpenFile(p.file(), os.O_WRONLY|syscall.O_NONBLOCK, 0)
		return err == nil
	})
	defer func() {
		if err := held.Close(); err != nil {
			t.Error(err)
		}
	}()
	d.signal(t, syscall.SIGTERM)
	if code := d.exit(t); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	lines := d.said("")
	if last := lines[len(lines)-1]; !strings.Contains(last, "ended without waiting any longer for what is stuck") {
		t.Errorf("its last word is %q", last)
	}
}
