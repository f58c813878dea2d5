package logmgr

import (
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// Status is what an operator may want to know of the moment.
type Status struct {
	// Logs is how many logs are held to their policy.
	Logs int64 `json:"logs"`
	// Readers are the programs that read logs, the one furthest behind first. They
	// are looked for only when a file is to be compressed or removed.
	Readers []ReaderStatus `json:"readers"`
	Node    NodeStatus     `json:"node"`
	// Elsewhere are the logs that the runtime keeps in files of its own, the largest
	// first.
	Elsewhere []ElsewhereLog `json:"elsewhere,omitempty"`
	// Observed are the logs of an Observer, the one with the most rotations that would
	// have been made first.
	Observed []ObservedLog `json:"observed,omitempty"`
}

// ReaderStatus is about all processes with the same program name.
type ReaderStatus struct {
	Name string `json:"name"`
	// LagBytes is what they have not read of the logs that they have open.
	LagBytes int64 `json:"lagBytes"`
	// Containers is how many containers' logs they have open, and Behind in how many
	// of them they have not finished everything.
	Containers int `json:"containers"`
	Behind     int `json:"containersBehind"`
}

// NodeStatus is about the bounds of all logs together, as of the last second; an Observer
// looks every 15 seconds. A Manager without such bounds does not look.
type NodeStatus struct {
	// LogBytes is what all logs take on disk; nil: it is not counted, since it has no bound.
	LogBytes *int64 `json:"logBytes,omitempty"`
	// FreeBytes and FreeInodes are left on the file system of the logs; nil: nobody looks,
	// it cannot be told, or the number of inodes has no limit.
	FreeBytes  *int64 `json:"freeBytes,omitempty"`
	FreeInodes *int64 `json:"freeInodes,omitempty"`
	// MaxBytes, MinFreeBytes and MinFreeInodes are the bounds; nil: none, or a share of a whole
	// that cannot be told.
	MaxBytes      *int64 `json:"maxBytes,omitempty"`
	MinFreeBytes  *int64 `json:"minFreeBytes,omitempty"`
	MinFreeInodes *int64 `json:"minFreeInodes,omitempty"`
	// Broken says which bounds are broken and by how much; empty: none.
	Broken string `json:"broken,omitempty"`
}

// newNodeStatus is about a file system, of which the zero Space tells nothing, the bounds, and which
// of them are broken.
func newNodeStatus(space logfile.Space, bounds Node, broken shortage) NodeStatus {
	s := NodeStatus{Broken: broken.String()}
	if bounds.MaxBytes > 0 {
		s.MaxBytes = &bounds.MaxBytes
	}
	if bounds.MinFree != (Floor{}) && space.Bytes > 0 {
		least := bounds.MinFree.of(space.Bytes)
		s.MinFreeBytes = &least
	}
	if bounds.MinFreeInodes != (Floor{}) && space.Inodes > 0 {
		least := bounds.MinFreeInodes.of(space.Inodes)
		s.MinFreeInodes = &least
	}
	if space.Bytes > 0 {
		s.FreeBytes = &space.FreeBytes
	}
	if space.Inodes > 0 {
		s.FreeInodes = &space.FreeInodes
	}
	return s
}

// Status returns what is known now.
func (m *Manager) Status() Status {
	return Status{
		Logs: m.metrics.logs.Load(), Readers: m.lags.readers(time.Now()), Node: *m.pressure.seen.Load(),
		Elsewhere: m.elsewhere.seen.all(),
	}
}
