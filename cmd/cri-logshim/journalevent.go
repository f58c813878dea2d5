package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/event"
)

// forEvents makes an entry that is an event into a datagram for systemd's journal, in its native
// protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): its line, its message id, and its fields, so that
// journalctl finds them. Any other entry stays a line.
type forEvents struct{ forJournal }

// datagramBegins is how a datagram begins, and no line does: these begin with "<".
const datagramBegins = "PRIORITY="

func (f forEvents) Format(entry *logrus.Entry) ([]byte, error) {
	reason := event.Of(entry)
	id := reason.ID()
	if id == "" {
		return f.forJournal.Format(entry)
	}
	line, err := f.Formatter.Format(entry)
	if err != nil {
		return nil, err
	}
	out := fmt.Appendf(nil, "%s%d\n", datagramBegins, priority(entry.Level))
	// One line in any case, so that lineOf finds its end.
	out = appendField(out, "MESSAGE", strings.ReplaceAll(strings.TrimSuffix(string(line), "\n"), "\n", " "))
	out = appendField(out, "MESSAGE_ID", id)
	out = appendField(out, "SYSLOG_IDENTIFIER", "cri-logshim")
	for _, key := range slices.Sorted(maps.Keys(entry.Data)) {
		out = appendField(out, fieldName(key), fmt.Sprint(entry.Data[key]))
	}
	return out, nil
}

// fieldName is what a field of the log is called in the journal: capital letters, digits and
// underscores.
func fieldName(key string) string {
	return "CRI_LOGSHIM_" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, key)
}

// appendField appends a field. Names of pods come from elsewhere: a value of several lines goes
// with its length, or what follows the first would be fields of its own.
func appendField(out []byte, name, value string) []byte {
	out = append(out, name...)
	if !strings.Contains(value, "\n") {
		out = append(out, '=')
	} else {
		out = append(out, '\n')
		out = binary.LittleEndian.AppendUint64(out, uint64(len(value)))
	}
	out = append(out, value...)
	return append(out, '\n')
}

// lineOf is the line, with its priority, that a datagram was made of.
func lineOf(datagram []byte) []byte {
	level, rest, _ := bytes.Cut(datagram, []byte("\n"))
	message, _, _ := bytes.Cut(rest, []byte("\n"))
	level = bytes.TrimPrefix(level, []byte(datagramBegins))
	message = bytes.TrimPrefix(message, []byte("MESSAGE="))
	return fmt.Appendf(nil, "<%s>%s\n", level, message)
}
