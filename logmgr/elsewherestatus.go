package logmgr

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"
)

// JSONFile is Docker's log driver that writes to a file which others may read, to which the log
// paths lead. Those of its other drivers ("local") are Docker's private matter, and most have none.
const JSONFile = "json-file"

// mostBlamed bounds how many logs one message names.
const mostBlamed = 3

// ElsewhereLog is a log that the runtime keeps in a file of its own, as of the last ten
// seconds. Nobody but the runtime can rotate it.
type ElsewhereLog struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	Container string `json:"container"`
	Attempt   uint32 `json:"attempt"`
	// Path is the log path, and File where the output is; empty: nowhere that the path
	// could lead to.
	Path string `json:"path"`
	File string `json:"file,omitempty"`
	// Driver is what writes the file, by the runtime's name; empty: not known.
	Driver string `json:"driver,omitempty"`
	// Bytes is the size of the current file, DiskBytes what it and its rotated files take.
	Bytes     int64 `json:"bytes"`
	DiskBytes int64 `json:"diskBytes"`
	// MaxSize is at how many bytes the runtime rotates the file, 0: never, or not known;
	// MaxFiles how many it keeps then.
	MaxSize  int64 `json:"maxSize"`
	MaxFiles int   `json:"maxFiles,omitempty"`
	// Rotations is how often the runtime was seen to rotate the file.
	Rotations int64 `json:"rotations"`

	device    uint64
	unbounded bool // its container runs and nothing bounds the file
}

// name is what the operator calls the log.
func (l ElsewhereLog) name() string {
	return fmt.Sprintf("%s/%s/%s (%d bytes)", l.Namespace, l.Pod, l.Container, l.DiskBytes)
}

// seen is what was seen of the logs that are elsewhere.
type seen struct {
	mu               sync.Mutex
	logs             map[string]ElsewhereLog // by container
	bytes            int64                   // on disk, of all
	files, unbounded int                     // how many have a file, and of them those that nothing bounds
}

func (s *seen) put(m *elsewhereMetrics, id string, l ElsewhereLog) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logs == nil {
		s.logs = map[string]ElsewhereLog{}
	}
	s.count(s.logs[id], -1)
	s.count(l, 1)
	s.logs[id] = l
	s.tell(m)
}

func (s *seen) drop(m *elsewhereMetrics, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(s.logs[id], -1)
	delete(s.logs, id)
	s.tell(m)
}

// count adds a log to the sums, or takes it off.
func (s *seen) count(l ElsewhereLog, sign int) {
	s.bytes += int64(sign) * l.DiskBytes
	if l.File != "" {
		s.files += sign
	}
	if l.unbounded {
		s.unbounded += sign
	}
}

func (s *seen) tell(m *elsewhereMetrics) {
	m.elsewhereLogs.Set(float64(s.files))
	m.elsewhereBytes.Set(float64(s.bytes))
	m.elsewhereUnbounded.Set(float64(s.unbounded))
}

// total is what all of them take on disk, in bytes.
func (s *seen) total() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// of is what is known of a container's log.
func (s *seen) of(id string) (l ElsewhereLog, is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, is = s.logs[id]
	return l, is
}

// all are those that are known, the largest first.
func (s *seen) all() []ElsewhereLog {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.logs), func(a, b ElsewhereLog) int {
		return cmp.Or(cmp.Compare(b.DiskBytes, a.DiskBytes), strings.Compare(a.Path, b.Path), cmp.Compare(a.File, b.File))
	})
}

// show publishes what is known of an outlet.
func (e *elsewhere) show(o *outlet) {
	e.seen.put(&e.m.metrics.elsewhereMetrics, o.id, o.status())
	if !e.m.toldBefore(&o.ownFile, e.began) {
		e.said.take(e.m.Log, &o.ownFile)
	}
	e.planNotice()
}

// MarshalJSON leaves out what is known of a file where there is none: a size of 0 would read
// as a file that is empty, or bounded by nothing.
func (l ElsewhereLog) MarshalJSON() ([]byte, error) {
	type bare ElsewhereLog
	if l.File != "" {
		return json.Marshal(bare(l))
	}
	return json.Marshal(struct {
		bare
		Bytes     *int64 `json:"bytes,omitempty"`
		DiskBytes *int64 `json:"diskBytes,omitempty"`
		MaxSize   *int64 `json:"maxSize,omitempty"`
		Rotations *int64 `json:"rotations,omitempty"`
	}{bare: bare(l)})
}

// blame tells what the runtime's own files have to do with bounds of the node that are
// broken: with floors only those on the file system that these are about. They are to blame if
// they take half of what is missing.
func (m *Manager) blame(broken shortage) (f logrus.Fields, are bool) {
	all := m.elsewhere.seen.all()
	if len(all) == 0 {
		return nil, false
	}
	defer m.work.begin("look at "+m.PodLogsDir, stuckFile)()
	device := uint64(0) // of no file
	if info, err := statLog(m.PodLogsDir); err == nil {
		device = info.Dev
	}
	var bytes, others int64
	var largest []string
	for _, l := range all {
		if broken.maxBytes <= 0 && l.device != device {
			others += l.DiskBytes
			continue
		}
		bytes += l.DiskBytes
		if len(largest) < mostBlamed && l.DiskBytes > 0 {
			largest = append(largest, l.name())
		}
	}
	f = logrus.Fields{"elsewhere_bytes": bytes}
	if len(largest) > 0 {
		f["elsewhere_largest"] = strings.Join(largest, ", ")
	}
	if others > 0 {
		f["elsewhere_bytes_on_other_file_systems"] = others
	}
	missing := broken.need().Bytes
	return f, missing > 0 && bytes >= missing/2
}
