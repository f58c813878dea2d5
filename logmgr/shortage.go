package logmgr

import (
	"fmt"
	"strings"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/retention"
)

// shortage is by how much each bound of the node is broken; 0 or less: it is kept.
type shortage struct{ maxBytes, minFree, minFreeInodes int64 }

// of returns the floor as a number, where so much is the whole.
func (f Floor) of(whole int64) int64 {
	if f.Percent > 0 {
		return int64(f.Percent / 100 * float64(whole))
	}
	return f.Amount
}

// shortage compares the node's bounds with what logs take and what is free.
func (n Node) shortage(logs int64, space logfile.Space) (s shortage) {
	if n.MaxBytes > 0 {
		s.maxBytes = logs - n.MaxBytes
	}
	if n.MinFree != (Floor{}) && space.Bytes > 0 {
		s.minFree = n.MinFree.of(space.Bytes) - space.FreeBytes
	}
	// A file system without a limit on inodes has none to run out of.
	if n.MinFreeInodes != (Floor{}) && space.Inodes > 0 {
		s.minFreeInodes = n.MinFreeInodes.of(space.Inodes) - space.FreeInodes
	}
	return s
}

// need is what has to be freed to keep all bounds.
func (s shortage) need() retention.Need {
	return retention.Need{Bytes: max(s.maxBytes, s.minFree), Inodes: s.minFreeInodes}
}

func (s shortage) any() bool { n := s.need(); return n.Bytes > 0 || n.Inodes > 0 }

// reason is the bound for which the next file goes.
func (s shortage) reason() retention.Reason {
	switch {
	case s.minFree > 0:
		return retention.MinFree
	case s.maxBytes > 0:
		return retention.MaxBytes
	}
	return retention.MinFreeInodes
}

// less is the shortage after so much has gone.
func (s shortage) less(f freed) shortage {
	return shortage{s.maxBytes - f.bytes, s.minFree - f.bytes, s.minFreeInodes - f.inodes}
}

// broken tells which bounds are.
func (s shortage) broken() map[retention.Reason]bool {
	return map[retention.Reason]bool{
		retention.MaxBytes: s.maxBytes > 0, retention.MinFree: s.minFree > 0, retention.MinFreeInodes: s.minFreeInodes > 0,
	}
}

// String tells what is missing, for the operator.
func (s shortage) String() string {
	var parts []string
	for _, bound := range []struct {
		name    retention.Reason
		missing int64
		unit    string
	}{
		{retention.MaxBytes, s.maxBytes, "bytes"},
		{retention.MinFree, s.minFree, "bytes"},
		{retention.MinFreeInodes, s.minFreeInodes, "inodes"},
	} {
		if bound.missing > 0 {
			parts = append(parts, fmt.Sprintf("%s by %d %s", bound.name, bound.missing, bound.unit))
		}
	}
	return strings.Join(parts, ", ")
}
