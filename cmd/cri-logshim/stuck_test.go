package main

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Work that is stuck in a file does not keep the process, when no call needs it
// any longer: until it has ended, no successor has its place. Here a fifo that is read for
// five seconds stands for the dead disk.
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
	// Whoever reads gets some of the configuration, and then waits for the rest.
	held, err := os.OpenFile(next, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := held.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := held.WriteString("mode:"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, p.file()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the daemon to read the fifo", func() bool {
		left, err := unix.IoctlGetInt(int(held.Fd()), unix.TIOCINQ)
		return err == nil && left == 0
	})
	d.signal(t, syscall.SIGTERM)
	if code := d.exit(t); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	lines := d.said("")
	if last := lines[len(lines)-1]; !strings.Contains(last, "ended without waiting any longer for what is stuck") {
		t.Errorf("its last word is %q", last)
	}
}
