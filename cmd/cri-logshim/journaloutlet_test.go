package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/event"
)

// fakeJournal is a socket that takes datagrams as journald does.
type fakeJournal struct {
	path string
	conn *net.UnixConn
}

func newFakeJournal(t *testing.T, path string) *fakeJournal {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &fakeJournal{path, conn}
}

// take returns the fields of the next datagram.
func (j *fakeJournal) take(t *testing.T) map[string]string {
	t.Helper()
	if err := j.conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1<<18)
	n, err := j.conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	fields, err := nativeFields(buf[:n])
	if err != nil {
		t.Fatalf("%v: %q", err, buf[:n])
	}
	return fields
}

// nativeFields reads journald's native protocol.
func nativeFields(data []byte) (map[string]string, error) {
	fields := map[string]string{}
	for len(data) > 0 {
		line, rest, found := bytes.Cut(data, []byte("\n"))
		if !found {
			return nil, errors.New("a field without an end")
		}
		name, value, short := bytes.Cut(line, []byte("="))
		if !short {
			if len(rest) < 8 {
				return nil, errors.New("a value without a length")
			}
			n := binary.LittleEndian.Uint64(rest)
			if uint64(len(rest)-8) <= n || rest[8+n] != '\n' {
				return nil, errors.New("a value without an end")
			}
			value, rest = rest[8:8+n], rest[8+n+1:]
		}
		if _, twice := fields[string(name)]; twice {
			return nil, errors.New("a field that is there twice: " + string(name))
		}
		fields[string(name)], data = string(value), rest
	}
	return fields, nil
}

// journalLogger logs as the daemon does under systemd.
func journalLogger(format config.LogFormat, out io.Writer) *logrus.Logger {
	log := newLogger(config.Log{Level: config.LogInfo, Format: format}, out)
	log.SetFormatter(formatter(format, true))
	return log
}

// An event comes to the journal with its id and its fields, and with the line that it would be
// anyway. A name of several lines, which a pod cannot have but a client may send, makes no
// field of its own. What is no event goes to stderr as ever.
func TestEventsForTheJournal(t *testing.T) {
	journal := newFakeJournal(t, filepath.Join(t.TempDir(), "socket"))
	var stderr bytes.Buffer
	log := journalLogger(config.LogText, newJournalOutlet(&stderr, journal.path))
	event.LogReopened.On(log.WithFields(logrus.Fields{
		"namespace": "shop", "pod": "web\nMESSAGE_ID=0\nCRI_LOGSHIM_CONTAINER=other", "container": "app", "attempt": 2, "maxSize": int64(9),
	})).WithError(errors.New("gone")).Warn("it\nwas missing")
	log.Info("no event")

	got := journal.take(t)
	line := got["MESSAGE"]
	delete(got, "MESSAGE")
	want := map[string]string{
		"PRIORITY": "4", "MESSAGE_ID": event.LogReopened.ID(), "SYSLOG_IDENTIFIER": "cri-logshim",
		"CRI_LOGSHIM_REASON": "LogReopened", "CRI_LOGSHIM_NAMESPACE": "shop", "CRI_LOGSHIM_CONTAINER": "app",
		"CRI_LOGSHIM_POD":     "web\nMESSAGE_ID=0\nCRI_LOGSHIM_CONTAINER=other",
		"CRI_LOGSHIM_ATTEMPT": "2", "CRI_LOGSHIM_MAXSIZE": "9", "CRI_LOGSHIM_ERROR": "gone",
	}
	if !maps.Equal(got, want) {
		t.Errorf("the fields are %q, want %q", got, want)
	}
	if !strings.HasPrefix(line, `level=warning msg="it\nwas missing" `) || strings.Contains(line, "\n") || !strings.Contains(line, "reason=LogReopened") {
		t.Errorf("the message is %q", line)
	}
	if got := stderr.String(); got != "<6>level=info msg=\"no event\"\n" {
		t.Errorf("stderr has %q", got)
	}
}

// As JSON the whole entry is the message, for a program that reads lines.
func TestEventsForTheJournalAsJSON(t *testing.T) {
	journal := newFakeJournal(t, filepath.Join(t.TempDir(), "socket"))
	log := journalLogger(config.LogJSON, newJournalOutlet(io.Discard, journal.path))
	event.RuntimeLost.On(log).Warn("away")
	if got := journal.take(t)["MESSAGE"]; !strings.HasPrefix(got, `{"level":"warning","msg":"away","reason":"RuntimeLost"`) {
		t.Errorf("the message is %q", got)
	}
}

// Where the socket is missing, or an event is too large for it, the line goes to stderr with its
// priority. A socket that is made anew is found.
func TestEventsWithoutTheSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	var stderr bytes.Buffer
	log := event.ConfigRefused.On(journalLogger(config.LogText, newJournalOutlet(&stderr, path)))
	told := func(begins string) {
		t.Helper()
		if got := stderr.String(); !strings.HasPrefix(got, begins) || strings.Count(got, "\n") != 1 {
			t.Errorf("stderr has %.80q (%d bytes), want %q…", got, len(got), begins)
		}
		stderr.Reset()
	}
	log.Error("no socket")
	told(`<3>level=error msg="no socket" reason=ConfigRefused`)

	before := newFakeJournal(t, path)
	log.Error("there")
	before.take(t)
	log.WithField("long", strings.Repeat("x", 1<<20)).Error("too large")
	told(`<3>level=error msg="too large" long=xxx`)
	log.Error("still there")
	before.take(t)

	if err := before.conn.Close(); err != nil {
		t.Fatal(err)
	}
	log.Error("gone")
	told(`<3>level=error msg=gone reason=ConfigRefused`)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	after := newFakeJournal(t, path)
	log.Error("again")
	if got := after.take(t); got["MESSAGE_ID"] != event.ConfigRefused.ID() || stderr.Len() > 0 {
		t.Errorf("the new socket has %q, stderr %q", got, stderr.String())
	}
}

// A journal that takes nothing holds up nobody who logs: the queue before it drops what there is
// no room for, events as well as lines.
func TestEventsAreNotWaitedFor(t *testing.T) {
	journal := newFakeJournal(t, filepath.Join(t.TempDir(), "socket")) // nobody reads from it
	var stderr bytes.Buffer
	outlet := newJournalOutlet(&stderr, journal.path)
	queue := newLogQueue(outlet)
	log := journalLogger(config.LogText, queue)
	const events = 3 * logQueueLength
	for range events {
		event.RuntimeLost.On(log).Warn("away")
	}
	taken := 0
	for queue.dropped.Load() > 0 { // until the queue has gone on, and told what it has dropped
		journal.take(t)
		taken++
	}
	for len(queue.lines) > 0 {
		journal.take(t)
		taken++
	}
	if taken == 0 || taken >= events {
		t.Errorf("%d of %d events were taken", taken, events)
	}
	if err := journal.conn.Close(); err != nil {
		t.Fatal(err)
	}
	queue.close()
	if !strings.Contains(stderr.String(), " lines of this log were dropped") {
		t.Errorf("stderr has %q", stderr.String())
	}
}
