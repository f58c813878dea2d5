package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

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
