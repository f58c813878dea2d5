package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// reader is somebody who takes the lines, unless he is stuck.
type reader struct {
	stuck chan struct{} // nothing is taken until it is closed

	mu    sync.Mutex
	taken strings.Builder
}

func newReader() *reader { return &reader{stuck: make(chan struct{})} }

func (r *reader) Write(p []byte) (int, error) {
	<-r.stuck
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.taken.Write(p)
}

func (r *reader) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Split(strings.TrimSuffix(r.taken.String(), "\n"), "\n")
}

// logLines logs lines with these numbers, as a logger does: out of a buffer that
// it uses again. It takes no time.
func logLines(t *testing.T, q *logQueue, from, to int) {
	t.Helper()
	began := time.Now()
	var line []byte
	for i := from; i <= to; i++ {
		line = fmt.Appendf(line[:0], "line %d\n", i)
		if n, err := q.Write(line); n != len(line) || err != nil {
			t.Fatalf("Write: %d, %v", n, err)
		}
	}
	if took := time.Since(began); took > 0 {
		t.Errorf("whoever logs has waited for %v", took)
	}
}

// All that is logged arrives, in order, also what is logged right before the end.
func TestLogQueueDrains(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, logQueueLength} {
		synctest.Test(t, func(t *testing.T) {
			r := newReader()
			close(r.stuck)
			q := newLogQueue(r)
			logLines(t, q, 1, n)
			began := time.Now()
			q.close()
			if took := time.Since(began); took > 0 {
				t.Errorf("the end takes %v, though nothing is stuck", took)
			}
			got := r.lines()
			if len(got) != n {
				t.Errorf("%d of %d lines have arrived", len(got), n)
			}
			for i, line := range got {
				if line != fmt.Sprint("line ", i+1) {
					t.Fatalf("line %d is %q", i+1, line)
				}
			}
		})
	}
}

// While nobody takes the lines, those that there is no room for are dropped and
// counted; later all is as before.
func TestLogQueueDrops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newReader()
		q := newLogQueue(r)
		logLines(t, q, 1, 1)
		synctest.Wait() // the reader is stuck with it
		const dropped = 4321
		logLines(t, q, 2, 1+logQueueLength+dropped)
		close(r.stuck)
		synctest.Wait()
		logLines(t, q, 9001, 9003)
		q.close()
		told := fmt.Sprint(dropped, " lines of this log were dropped")
		tellings := 0
		var lines []string
		for _, line := range r.lines() {
			switch {
			case strings.HasPrefix(line, told):
				tellings++
			default:
				lines = append(lines, line)
			}
		}
		if tellings != 1 {
			t.Errorf("told %d times that %d lines were dropped", tellings, dropped)
		}
		if want := 1 + logQueueLength + 3; len(lines) != want {
			t.Fatalf("%d lines, want %d", len(lines), want)
		}
		for i, line := range lines {
			n := i + 1
			if i > logQueueLength {
				n += 9000 - 1 - logQueueLength
			}
			if line != fmt.Sprint("line ", n) {
				t.Fatalf("line %d is %q, want number %d", i+1, line, n)
			}
		}
	})
}

// A reader who is stuck for good holds up the end for a second, and whoever logs
// afterwards not at all.
func TestLogQueueEndsWithoutItsReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newReader()
		defer close(r.stuck) // the test ends when all its goroutines have
		q := newLogQueue(r)
		logLines(t, q, 1, 10)
		began := time.Now()
		q.close()
		if took := time.Since(began); took != time.Second {
			t.Errorf("the end takes %v", took)
		}
		logLines(t, q, 11, 10+2*logQueueLength)
	})
}

// Goroutines that have not ended yet may log when the queue has.
func TestLogQueueAfterItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newReader()
		close(r.stuck)
		q := newLogQueue(r)
		var loggers sync.WaitGroup
		for i := range 4 {
			loggers.Go(func() { logLines(t, q, i*logQueueLength, (i+1)*logQueueLength) })
		}
		q.close()
		loggers.Wait()
		logLines(t, q, 1, 2*logQueueLength)
	})
}
