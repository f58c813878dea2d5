package main

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// logQueue is the daemon's own log on its way to stderr. Whoever logs never
// waits: the reader of stderr may be stuck on the same disk as a log, and must
// not hold up a CRI call or the watchdog with it.
type logQueue struct {
	lines   chan []byte
	dropped atomic.Uint64
	stop    chan struct{} // closed when no more is to come
	ended   chan struct{}
}

// logQueueLength is how many lines may wait.
const logQueueLength = 1024

func newLogQueue(out io.Writer) *logQueue {
	q := &logQueue{lines: make(chan []byte, logQueueLength), stop: make(chan struct{}), ended: make(chan struct{})}
	go q.run(out)
	return q
}

// Write takes one line, or drops it when too many wait.
func (q *logQueue) Write(line []byte) (int, error) {
	select {
	case q.lines <- append([]byte(nil), line...):
	default:
		q.dropped.Add(1)
	}
	return len(line), nil
}

func (q *logQueue) run(out io.Writer) {
	defer close(q.ended)
	for {
		select {
		case line := <-q.lines:
			q.print(out, line)
			continue
		default:
		}
		select {
		case line := <-q.lines:
			q.print(out, line)
		case <-q.stop:
			return
		}
	}
}

func (q *logQueue) print(out io.Writer, line []byte) {
	dropped := q.dropped.Swap(0)
	// Where this fails there is nowhere to say so.
	_, _ = out.Write(line)
	if dropped > 0 {
		_, _ = fmt.Fprintf(out, "%d lines of this log were dropped, since nobody took them\n", dropped)
	}
}

// close waits until what has been logged is written, for a second at most.
func (q *logQueue) close() {
	close(q.stop)
	select {
	case <-q.ended:
	case <-time.After(time.Second):
	}
}
