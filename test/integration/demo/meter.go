package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// meter follows the files of one log.
type meter struct {
	log        string
	start      time.Time
	current    int64            // bytes of the current file
	sizes      map[string]int64 // bytes of each rotated file before it was compressed, by name
	compressed int              // files
	total      int64            // bytes written to all files
	rate       float64          // bytes a second, since the look before
	looked     time.Time        // zero: never
}

func newMeter(log string) *meter {
	return &meter{log: log, start: time.Now(), sizes: map[string]int64{}}
}

// look takes the sizes of all files.
func (m *meter) look() error {
	dir, current := filepath.Split(m.log)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look at the log: %w", err)
	}
	m.compressed = 0
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			continue // renamed since; the next look finds it
		}
		m.add(current, entry.Name(), info.Size())
	}
	total := m.current
	for _, size := range m.sizes {
		total += size
	}
	now := time.Now()
	if passed := now.Sub(m.looked); !m.looked.IsZero() {
		m.rate = float64(max(0, total-m.total)) / passed.Seconds()
	}
	m.total, m.looked = total, now
	return nil
}

func (m *meter) add(current, name string, size int64) {
	plain, compressed := strings.CutSuffix(name, ".gz")
	switch {
	case name == current:
		m.current = size
	case !strings.HasPrefix(name, current+".") || strings.HasSuffix(name, ".tmp"):
	case compressed:
		m.compressed++
		if _, seen := m.sizes[plain]; !seen {
			m.sizes[plain] = limit // it was compressed between two looks
		}
	default:
		m.sizes[name] = size
	}
}

// String is one line of less than 80 columns.
func (m *meter) String() string {
	const width = 20
	filled := int(min(width, m.current*width/limit))
	bar := strings.Repeat("#", filled) + strings.Repeat("-", width-filled)
	return fmt.Sprintf("%4.0f s  [%s] %4.1f of %s  %3d rotations, %3d gzip  %5.1f MB/s",
		time.Since(m.start).Seconds(), bar, float64(m.current)/(1<<20), mebibytes(limit), len(m.sizes), m.compressed, m.rate/1e6)
}
