package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/config"
)

// In the journal a line begins with its priority, and as text it does not tell the time
// twice. Elsewhere it tells the time and has no priority. A message of several lines is one
// line, so that no part of it loses the priority.
func TestLinesForTheJournal(t *testing.T) {
	for _, test := range []struct {
		format    config.LogFormat
		journaled bool
		begins    string
		timed     bool
	}{
		{config.LogText, true, "<4>level=warning msg=", false},
		{config.LogJSON, true, `<4>{`, true},
		{config.LogText, false, "time=", true},
		{config.LogJSON, false, "{", true},
	} {
		var out bytes.Buffer
		log := newLogger(config.Log{Level: config.LogInfo, Format: test.format}, &out)
		log.SetFormatter(formatter(test.format, test.journaled))
		log.WithError(errors.New("first\nsecond")).Warn("one\ntwo")
		line := out.String()
		if !strings.HasPrefix(line, test.begins) || strings.Contains(line, "time") != test.timed || strings.Count(line, "\n") != 1 {
			t.Errorf("%s, journal %t: %q", test.format, test.journaled, line)
		}
	}
}

// Every level has the priority that "journalctl -p" asks for.
func TestPriorities(t *testing.T) {
	want := map[logrus.Level]string{
		logrus.PanicLevel: "<2>", logrus.FatalLevel: "<2>", logrus.ErrorLevel: "<3>", logrus.WarnLevel: "<4>",
		logrus.InfoLevel: "<6>", logrus.DebugLevel: "<7>", logrus.TraceLevel: "<7>",
	}
	for _, level := range logrus.AllLevels {
		if got := prefix(priority(level)); got != want[level] {
			t.Errorf("%v is %s, want %s", level, got, want[level])
		}
	}
}

// Each fault of a configuration is an error in the journal.
func TestErrorsForTheJournal(t *testing.T) {
	err := errors.Join(errors.New("one"), errors.New("two"))
	for journaled, want := range map[bool]string{true: "<3>one\n<3>two\n", false: "one\ntwo\n"} {
		var out bytes.Buffer
		printError(&out, err, journaled)
		if out.String() != want {
			t.Errorf("journal %t: %q, want %q", journaled, out.String(), want)
		}
	}
}

// What an error quotes of others is not acted upon by the terminal that it is shown on.
func TestErrorOnTerminal(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	screen, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer screen.Close()
	printError(screen, errors.New("there is no pod \x1b]0;owned\a"), false)
	got := make([]byte, 100)
	n, err := master.Read(got)
	if want := "there is no pod ^[]0;owned^G\r\n"; err != nil || string(got[:n]) != want {
		t.Errorf("the terminal gets %q, %v, want %q", got[:n], err, want)
	}
}
