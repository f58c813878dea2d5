package nodelogs

import (
	"slices"
	"time"

	"github.com/cri-logshim/cri-logshim/logreader"
)

const (
	// zoneStep is what the offsets of all zones are multiples of, and furthest further than any is from UTC.
	zoneStep = 15 * time.Minute
	furthest = 15 * time.Hour
)

// zoneOf reckons by how much the node's local time is ahead of UTC. kubelet rotates a file that has grown
// too large some seconds after its last write, and leaves the newest uncompressed, so that the time of that
// write is still to be seen.
func zoneOf(files []logreader.File) (ahead time.Duration, known bool) {
	for _, f := range slices.Backward(files) {
		if !stampedByKubelet(f) || f.Compression != logreader.Plain || f.LastWrite.IsZero() {
			continue
		}
		if ahead = f.Rotated.Sub(f.LastWrite).Round(zoneStep); ahead.Abs() <= furthest {
			return ahead, true
		}
	}
	return 0, false
}

// correct puts kubelet's stamps in UTC, where the zone is known by this or an earlier listing. What was
// reckoned once stays, so that two listings can be compared.
func (s *Source) correct(files []logreader.File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.zoned {
		s.ahead, s.zoned = zoneOf(files)
	}
	if s.ahead == 0 {
		return
	}
	for i, f := range files {
		if stampedByKubelet(f) {
			files[i].Rotated = f.Rotated.Add(-s.ahead)
		}
	}
	slices.SortStableFunc(files, logreader.File.Compare)
}
