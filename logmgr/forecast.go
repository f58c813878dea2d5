package logmgr

import (
	"cmp"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/retention"
)

// observed is the log of a running container, and what a Manager would have done to it.
type observed struct {
	of     Container
	path   string // absolute
	rel    string // below podLogsDir
	policy Policy

	seen      bool
	file      logfile.ID
	size      int64
	since     int64     // bytes since the last rotation that would have been made
	nonempty  time.Time // since when that is above 0
	largest   int64     // that the current file was seen
	rotations int64     // that would have been made
	others    int64     // that somebody else has made
	told      bool      // that it has passed its limit
	found     excess

	lookedThrough bool // found is there
	meter         meter
}

// excess is what a Manager would do away with in a container's directory.
type excess struct {
	disk       int64 // bytes of everything there
	remove     int   // files
	removeDisk int64 // bytes
	compress   int64 // bytes on disk of files that would be compressed
}

// ObservedLog is what an Observer knows of the log of a running container.
type ObservedLog struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	Container string `json:"container"`
	Path      string `json:"path"`
	// Bytes is the size of the current file, Largest the largest that it was seen with.
	Bytes   int64 `json:"bytes"`
	Largest int64 `json:"largestBytes"`
	MaxSize int64 `json:"maxSize"`
	// WouldRotate counts the rotations that would have been made since the start, and
	// RotatedByOthers those that somebody else has made, as far as was seen.
	WouldRotate     int64 `json:"wouldRotate"`
	RotatedByOthers int64 `json:"rotatedByOthers"`
	// DiskBytes is what all files of the container take. Of them so many would be removed
	// now, and files of so many bytes be compressed.
	DiskBytes          int64 `json:"diskBytes"`
	WouldRemove        int   `json:"wouldRemove"`
	WouldRemoveBytes   int64 `json:"wouldRemoveBytes"`
	WouldCompressBytes int64 `json:"wouldCompressBytes"`
}

func (l *observed) status() ObservedLog {
	return ObservedLog{
		Namespace: l.of.Namespace, Pod: l.of.Pod, Container: l.of.Name, Path: l.path,
		Bytes: l.size, Largest: l.largest, MaxSize: l.policy.MaxSize,
		WouldRotate: l.rotations, RotatedByOthers: l.others,
		DiskBytes: l.found.disk, WouldRemove: l.found.remove, WouldRemoveBytes: l.found.removeDisk, WouldCompressBytes: l.found.compress,
	}
}

// sortObserved puts first what is furthest beyond its limit.
func sortObserved(all []ObservedLog) {
	slices.SortFunc(all, func(a, b ObservedLog) int {
		return cmp.Or(cmp.Compare(b.WouldRotate, a.WouldRotate), cmp.Compare(b.DiskBytes, a.DiskBytes), strings.Compare(a.Path, b.Path))
	})
}

// statLog tells about a log's current file, which may be a link.
func statLog(path string) (logfile.Info, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return logfile.Info{}, err
	}
	return logfile.Info{
		ID:   logfile.ID{Dev: uint64(st.Dev), Ino: st.Ino}, //nolint:unconvert // 32 bits wide on some machines
		Size: st.Size, Disk: st.Blocks * 512, ModTime: time.Unix(st.Mtim.Unix()),
	}, nil
}

// grow takes in a look at the current file and returns how many rotations would have been
// made since the last one. A file that is too large when it is found would be rotated as it
// is.
func (l *observed) grow(info logfile.Info, now time.Time) (made int64) {
	l.weigh(info, now)
	switch {
	case !l.seen:
		l.since = info.Size
		if l.policy.rotates() {
			l.since = min(l.since, l.policy.MaxSize)
		}
	case l.file != info.ID || info.Size < l.size: // of the old file's last bytes nothing is known
		l.others++
		l.since += info.Size
	default:
		l.since += info.Size - l.size
	}
	l.seen, l.file, l.size = true, info.ID, info.Size
	l.largest = max(l.largest, info.Size)
	if l.since > 0 && l.nonempty.IsZero() {
		l.nonempty = now
	}
	if !l.policy.rotates() {
		return 0
	}
	switch {
	case l.since >= l.policy.MaxSize:
		made = l.since / l.policy.MaxSize
		l.since %= l.policy.MaxSize
	case l.since > 0 && l.policy.MaxAge > 0 && now.Sub(l.nonempty) >= l.policy.MaxAge:
		made, l.since = 1, 0
	default:
		return 0
	}
	l.nonempty = time.Time{}
	l.rotations += made
	return made
}

// weigh takes in how much was written since the look before.
func (l *observed) weigh(info logfile.Info, now time.Time) {
	grown := info.Size - l.size
	switch {
	case !l.seen:
		grown = 0
	case l.file != info.ID || grown < 0:
		grown = info.Size
	}
	if grown > 0 || !l.seen {
		l.meter.grow(now, grown, observeEvery, info.ModTime)
	}
}

// lookThrough tells what a Manager would do about the rotated files now.
func (l *observed) lookThrough(root *logfile.Root, p Policy, now time.Time) (x excess, err error) {
	dir, err := root.Dir(path.Dir(l.rel))
	if err != nil {
		return x, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	h := history{only: path.Base(l.rel)}
	if ofOneContainer(l.rel, l.of.Name, l.of.Attempt) {
		h.only = ""
	}
	logs, err := h.scan(dir)
	if err != nil {
		return x, err
	}
	current := map[string]bool{} // all of them stay, also those of attempts that the runtime may have forgotten
	for _, log := range logs {
		current[log.Name] = true
	}
	s := takeStock(logs, current)
	x.disk = s.fixed.Disk
	gone := len(retention.Excess(s.files(nil), s.fixed, p.bounds(), now))
	for i, piece := range s.removable {
		x.disk += piece.disk()
		switch {
		case i < gone:
			x.remove += len(piece.files)
			x.removeDisk += piece.disk()
		case p.Compression != logfile.Plain && i < len(s.removable)-1 &&
			piece.files[0].Compression == logfile.Plain && now.Sub(piece.rotated) >= p.CompressAfter:
			x.compress += piece.disk()
		}
	}
	return x, nil
}

// inAll sums up what was found of all logs.
func inAll(logs map[string]*observed) (total excess) {
	for _, l := range logs {
		total.disk += l.found.disk
		total.remove += l.found.remove
		total.removeDisk += l.found.removeDisk
		total.compress += l.found.compress
	}
	return total
}

// summarize says what was seen, at the end.
func (o *Observer) summarize() {
	o.mu.Lock()
	defer o.mu.Unlock()
	var rotations, others int64
	for _, l := range o.logs {
		rotations += l.rotations
		others += l.others
	}
	total := inAll(o.logs)
	o.Log.WithFields(logrus.Fields{
		"logs": len(o.logs), "would_rotate": rotations, "rotated_by_others": others,
		"would_remove": total.remove, "would_remove_bytes": total.removeDisk, "would_compress_bytes": total.compress,
		"elsewhere_bytes": o.sights.seen.total(),
	}).Info("observed, of the containers that run now")
}

// forecastMetrics are what an Observer shows.
type forecastMetrics struct {
	rotations                  prometheus.Counter
	logs, beyond, worst        prometheus.Gauge
	remove, removeBytes, plain prometheus.Gauge
}

func newForecastMetrics(reg prometheus.Registerer) (*forecastMetrics, error) {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "cri_logshim", Name: name, Help: help})
	}
	m := &forecastMetrics{
		rotations: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "cri_logshim", Name: "observed_rotations_total", Help: "Rotations that would have been made in another mode.",
		}),
		logs:        gauge("observed_logs", "Logs of running containers that are observed."),
		beyond:      gauge("observed_logs_beyond_limit", "Observed logs whose current file is larger than its limit."),
		worst:       gauge("observed_largest_ratio", "Size of the current file that is furthest beyond its limit, as a share of that."),
		remove:      gauge("observed_excess_files", "Rotated files that would be removed in another mode."),
		removeBytes: gauge("observed_excess_bytes", "Bytes on disk of rotated files that would be removed in another mode."),
		plain:       gauge("observed_compressible_bytes", "Bytes on disk of rotated files that would be compressed in another mode."),
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.rotations, m.logs, m.beyond, m.worst, m.remove, m.removeBytes, m.plain} {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}

// set shows what a forecast has found.
func (m *forecastMetrics) set(logs map[string]*observed) {
	total := inAll(logs)
	var beyond int
	var worst float64
	for _, l := range logs {
		if !l.policy.rotates() {
			continue
		}
		if l.size > l.policy.MaxSize {
			beyond++
		}
		worst = max(worst, float64(l.size)/float64(l.policy.MaxSize))
	}
	m.logs.Set(float64(len(logs)))
	m.beyond.Set(float64(beyond))
	m.worst.Set(worst)
	m.remove.Set(float64(total.remove))
	m.removeBytes.Set(float64(total.removeDisk))
	m.plain.Set(float64(total.compress))
}
