package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// madeHistory is a log on disk that no container has written.
type madeHistory struct {
	podLogsDir string
	files      []string // the rotated ones, the oldest first
	size       int64    // of all files in bytes, before they were compressed
}

// makeHistory makes the log of the pod shop/web-0: compressed files, and a small current one.
func makeHistory(dir string, files, size int) (madeHistory, error) {
	h, logDir, err := newHistory(dir)
	if err != nil {
		return h, err
	}
	s := newScribe()
	for range files {
		text := s.write(size)
		h.size += int64(len(text))
		name := filepath.Join(logDir, "0.log."+s.stamp()+".gz")
		if err := writeGzip(name, text); err != nil {
			return h, err
		}
		h.files = append(h.files, name)
	}
	return h, os.WriteFile(filepath.Join(logDir, "0.log"), s.write(1<<10), 0o640)
}

// makeSparseHistory makes plain files of which only the ends are there.
func makeSparseHistory(dir string, files int, size int64) (madeHistory, error) {
	h, logDir, err := newHistory(dir)
	if err != nil {
		return h, err
	}
	s := newScribe()
	for i := range files {
		text := s.write(256 << 10)
		name := filepath.Join(logDir, "0.log."+s.stamp())
		if i == files-1 {
			name = filepath.Join(logDir, "0.log")
		}
		f, err := os.Create(name)
		if err != nil {
			return h, err
		}
		_, err = f.WriteAt(text, size-int64(len(text)))
		if err := errors.Join(err, f.Close()); err != nil {
			return h, err
		}
		h.size += size
	}
	return h, nil
}

func newHistory(dir string) (h madeHistory, logDir string, err error) {
	h.podLogsDir = filepath.Join(dir, "pods")
	logDir = filepath.Join(h.podLogsDir, "shop_web-0_8f2c", "app")
	return h, logDir, os.MkdirAll(logDir, 0o755)
}

func writeGzip(name string, text []byte) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	z, err := logfile.NewEncoder(f, logfile.Gzip)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	_, err = z.Write(text)
	return errors.Join(err, z.Close(), f.Close())
}

// scribe writes lines that look like those of a service, and compress as such do.
type scribe struct {
	random *rand.Rand
	now    time.Time
	number int
}

func newScribe() *scribe {
	return &scribe{random: rand.New(rand.NewPCG(1, 2)), now: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)}
}

func (s *scribe) stamp() string { return s.now.Format("20060102-150405.000000000") }

// write returns lines of about that many bytes.
func (s *scribe) write(size int) []byte {
	words := strings.Fields("GET POST /api/v1/items /healthz 200 404 500 user session connection timeout retry database cache miss hit 10.0.3.7 10.0.12.9 upstream latency")
	var b bytes.Buffer
	for b.Len() < size {
		s.now = s.now.Add(time.Duration(s.random.IntN(400_000)))
		s.number++
		fmt.Fprintf(&b, "%s stdout F level=info seq=%d msg=\"", s.now.Format(time.RFC3339Nano), s.number)
		for range 8 {
			b.WriteString(words[s.random.IntN(len(words))])
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "\" took=%dus id=%x\n", s.random.IntN(100_000), s.random.Int64N(1<<48))
	}
	return b.Bytes()
}
