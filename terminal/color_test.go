package terminal

import (
	"bytes"
	"os"
	"testing"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

func TestColor(t *testing.T) {
	device := openTerminal(t)
	for _, c := range []struct {
		name     string
		args     []string
		env      map[string]string
		terminal bool
		want     bool
	}{
		{name: "a terminal", terminal: true, want: true},
		{name: "a pipe"},
		{name: "NO_COLOR", env: map[string]string{"NO_COLOR": "1"}, terminal: true},
		{name: "an empty NO_COLOR counts for nothing", env: map[string]string{"NO_COLOR": ""}, terminal: true, want: true},
		{name: "a dumb terminal", env: map[string]string{"TERM": "dumb"}, terminal: true},
		{name: "always", args: []string{"--color=always"}, env: map[string]string{"NO_COLOR": "1"}, want: true},
		{name: "never", args: []string{"--color", "never"}, terminal: true},
		{name: "no color", args: []string{"--no-color"}, terminal: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			flags := pflag.NewFlagSet("", pflag.ContinueOnError)
			f := AddColorFlags(flags)
			if err := flags.Parse(c.args); err != nil {
				t.Fatal(err)
			}
			getenv := func(name string) string { return c.env[name] }
			got, err := f.Color(&bytes.Buffer{}, getenv)
			if c.terminal {
				got, err = f.Color(device, getenv)
			}
			if err != nil || got != c.want {
				t.Errorf("coloured: %t, %v, want %t", got, err, c.want)
			}
		})
	}
}

func TestColorRefuses(t *testing.T) {
	for _, args := range [][]string{{"--color=yes"}, {"--color="}, {"--color=always", "--no-color"}} {
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		f := AddColorFlags(flags)
		if err := flags.Parse(args); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Color(&bytes.Buffer{}, os.Getenv); err == nil {
			t.Errorf("%q is taken, coloured: %t", args, got)
		}
	}
}

// openTerminal opens a terminal that nobody sits before.
func openTerminal(t *testing.T) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	return master
}

func TestWidth(t *testing.T) {
	device := openTerminal(t)
	if err := unix.IoctlSetWinsize(int(device.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 97}); err != nil {
		t.Fatal(err)
	}
	if got := Width(device); got != 97 {
		t.Errorf("%d columns, want 97", got)
	}
	if got := Width(&bytes.Buffer{}); got != 0 {
		t.Errorf("a buffer has %d columns", got)
	}
}
