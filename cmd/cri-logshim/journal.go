package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/terminal"
)

// journaled tells whether what is printed on stderr goes straight to systemd's journal,
// which takes a line's priority from its beginning (sd-daemon(3)) and knows the time.
func journaled() bool {
	is, err := journal.StderrIsJournalStream()
	return is && err == nil // JOURNAL_STREAM is not systemd's: a stream like any other
}

// forJournal begins each line with its priority.
type forJournal struct{ logrus.Formatter }

func (f forJournal) Format(entry *logrus.Entry) ([]byte, error) {
	line, err := f.Formatter.Format(entry)
	if err != nil {
		return nil, err
	}
	return append([]byte(prefix(priority(entry.Level))), line...), nil
}

// priority is what a level is called in the journal.
func priority(level logrus.Level) journal.Priority {
	switch level {
	case logrus.PanicLevel, logrus.FatalLevel:
		return journal.PriCrit
	case logrus.ErrorLevel:
		return journal.PriErr
	case logrus.WarnLevel:
		return journal.PriWarning
	case logrus.InfoLevel:
		return journal.PriInfo
	case logrus.DebugLevel, logrus.TraceLevel:
		return journal.PriDebug
	}
	return journal.PriInfo
}

func prefix(p journal.Priority) string { return fmt.Sprintf("<%d>", p) }

// printError prints why the command has failed, each fault on a line of its own. Nothing
// can be done where this fails too.
func printError(w io.Writer, err error, journaled bool) {
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSuffix(line, "\n")
		if terminal.Is(w) {
			line = terminal.Harmless(line) // it may hold names of others
		}
		if journaled {
			line = prefix(journal.PriErr) + line
		}
		_, _ = fmt.Fprintln(w, line)
	}
}
