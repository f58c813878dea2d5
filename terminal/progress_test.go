package terminal

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openScreen opens a terminal, and returns what reads all that is on its screen since.
func openScreen(t *testing.T) (screen *os.File, seen func() string) {
	t.Helper()
	master := openTerminal(t)
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	return screen, func() string {
		t.Helper()
		const end = "\x04"
		if _, err := screen.WriteString(end); err != nil {
			t.Fatal(err)
		}
		var all []byte
		for !strings.HasSuffix(string(all), end) {
			part := make([]byte, 1000)
			n, err := master.Read(part)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, part[:n]...)
		}
		return strings.TrimSuffix(string(all), end)
	}
}

// Progress is told after a second in which nothing else was seen, and erased before anything is.
func TestProgress(t *testing.T) {
	screen, seen := openScreen(t)
	now := time.Unix(0, 0)
	p := NewProgress(screen, func(string) string { return "" }, func() time.Time { return now })
	read := func(after time.Duration) {
		now = now.Add(after)
		p.Read(1 << 20)
	}
	out := p.Around(screen)
	for n, step := range []struct {
		do   func()
		want string
	}{
		{func() { read(0); read(999 * time.Millisecond) }, ""},
		{func() { read(time.Millisecond) }, "\r\x1b[Kread 3Mi in 3 lines"},
		{func() { read(249 * time.Millisecond) }, ""},
		{func() { read(time.Millisecond) }, "\r\x1b[Kread 5Mi in 5 lines"},
		{func() { fmt.Fprint(out, "found\n") }, "\r\x1b[Kfound\r\n"},
		{func() { read(999 * time.Millisecond) }, ""},
		{func() { fmt.Fprint(out, "found\n") }, "found\r\n"},
		{func() { read(time.Second); p.Pause() }, "\r\x1b[Kread 7Mi in 7 lines\r\x1b[K"},
		{func() { read(time.Hour) }, ""}, // it has waited for something new
		{func() { read(time.Second) }, "\r\x1b[Kread 9Mi in 9 lines"},
	} {
		step.do()
		if got := seen(); got != step.want {
			t.Errorf("step %d: is seen %q, want %q", n, got, step.want)
		}
	}
	if !Is(out) {
		t.Error("the terminal is no longer one")
	}
}

// Where nobody sits, nothing is told.
func TestNoProgress(t *testing.T) {
	var out strings.Builder
	screen, _ := openScreen(t)
	if NewProgress(screen, func(string) string { return "dumb" }, nil) != nil {
		t.Error("a terminal that cannot erase a line gets one to be erased")
	}
	p := NewProgress(&out, nil, nil)
	p.Read(1 << 30)
	p.Pause()
	if w := p.Around(&out); w != &out || out.Len() > 0 {
		t.Errorf("something is told: %q", &out)
	}
}
