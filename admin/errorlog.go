package admin

import (
	"log"
	"strings"

	"github.com/sirupsen/logrus"
)

// errorLog is where net/http tells of what goes wrong. It takes a logger of the standard library
// only, and has lines for what any stranger can do at an address again and again, such as a TLS
// handshake that fails: these are there for whoever looks for them. What is ours is told as such.
func errorLog(to logrus.FieldLogger) *log.Logger { return log.New(told{to}, "", 0) }

// told writes each line into the daemon's log.
type told struct{ log logrus.FieldLogger }

// Write implements io.Writer.
func (t told) Write(line []byte) (int, error) {
	say, text := t.log.Debug, strings.TrimSpace(string(line))
	switch {
	case strings.HasPrefix(text, "http: panic serving"):
		say = t.log.Error
	case strings.HasPrefix(text, "http: Accept error"):
		say = t.log.Warn
	}
	say("admin server: ", text)
	return len(line), nil
}
