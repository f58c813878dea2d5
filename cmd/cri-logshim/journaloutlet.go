package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
)

// journalSocket is where journald takes datagrams.
const journalSocket = "/run/systemd/journal/socket"

// journalOutlet is where the daemon's log goes under systemd: events to journald's socket, and
// lines to stderr, which is journald's too. An event that the socket does not take, as one that is
// too large, goes to stderr as a line: what it says must not be lost for its fields' sake.
type journalOutlet struct {
	stderr io.Writer
	path   string
	conn   *net.UnixConn // nil: not connected
}

// logOutput is where the daemon's own log goes.
func logOutput() io.Writer {
	if !journaled() {
		return os.Stderr
	}
	return newJournalOutlet(os.Stderr, journalSocket)
}

func newJournalOutlet(stderr io.Writer, path string) *journalOutlet {
	return &journalOutlet{stderr: stderr, path: path}
}

// Write takes one line or one datagram. It waits while journald is behind, as for stderr.
func (o *journalOutlet) Write(p []byte) (int, error) {
	if !bytes.HasPrefix(p, []byte(datagramBegins)) {
		return o.stderr.Write(p)
	}
	if o.send(p) == nil {
		return len(p), nil
	}
	if _, err := o.stderr.Write(lineOf(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// send sends a datagram, over a new connection if the one before has broken: the socket may have
// been made anew. Unconnected, the kernel would not tell when there is room in its queue.
func (o *journalOutlet) send(p []byte) error {
	if o.conn != nil {
		if _, err := o.conn.Write(p); err == nil {
			return nil
		}
		_ = o.conn.Close() // it is of no use any more
		o.conn = nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: o.path, Net: "unixgram"})
	if err != nil {
		return err
	}
	if _, err := conn.Write(p); err != nil {
		return errors.Join(err, conn.Close())
	}
	o.conn = conn
	return nil
}
