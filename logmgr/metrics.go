package logmgr

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/retention"
)

// metrics are what the log manager counts.
type metrics struct {
	elsewhereMetrics
	logs                        atomic.Int64 // as managed
	swaps                       atomic.Int64 // as rotations
	managed, awake, polled      prometheus.Gauge
	keptFiles, keptBytes        prometheus.Gauge
	elsewhereLinks              prometheus.Counter
	rotations, healed           prometheus.Counter
	deletedUnread, looks        prometheus.Counter
	foreignReopens, written     prometheus.Counter
	panics                      prometheus.Counter
	compressedIn, compressedOut prometheus.Counter
	reopen, window, fill        prometheus.Histogram
	failures, removed, refused  *prometheus.CounterVec
	pressure                    *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer, work *workload, lags *lags) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "cri_logshim", Name: name, Help: help})
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "cri_logshim", Name: name, Help: help, Buckets: buckets})
	}
	latency := prometheus.ExponentialBuckets(0.0005, 2, 18) // to 65 s
	elsewhere, err := newElsewhereMetrics(reg)
	m := &metrics{
		elsewhereMetrics: elsewhere,
		managed:          prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "cri_logshim", Name: "logs_managed", Help: "Logs that are held to their policy."}),
		awake:            prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "cri_logshim", Name: "logs_awake", Help: "Logs that were written to within the last second or need attention."}),
		polled:           prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "cri_logshim", Name: "logs_polled", Help: "Quiet logs that cannot be watched and are looked at every second instead."}),
		keptFiles:        prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "cri_logshim", Name: "kept_files", Help: "Log files of removed pods and attempts, as of the last look through keepDir."}),
		keptBytes:        prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "cri_logshim", Name: "kept_bytes", Help: "Bytes on disk of log files of removed pods and attempts, as of the last look through keepDir."}),
		elsewhereLinks:   counter("elsewhere_links_made_total", "Log paths that were led to files of the runtime's own, where it had not done so or the link had gone."),
		rotations:        counter("rotations_total", "Rotations completed."),
		healed:           counter("missing_logs_reopened_total", "Logs that were missing from their path and were reopened."),
		deletedUnread:    counter("deleted_unread_bytes_total", "Bytes of removed files that a program which had the log open had not read."),
		looks:            counter("reader_looks_total", "Looks through all processes of the node for those that read logs."),
		written:          counter("written_bytes_total", "Bytes that were seen to be written to logs."),
		foreignReopens:   counter("foreign_reopens_total", "Reopens asked for by another rotator, such as kubelet."),
		panics:           counter("panics_total", "Panics in work on logs; none of them reached a CRI call."),
		compressedIn:     counter("compressed_input_bytes_total", "Bytes of rotated files that were compressed, before."),
		compressedOut:    counter("compressed_output_bytes_total", "Bytes of rotated files that were compressed, after."),
		reopen:           histogram("reopen_seconds", "Time the runtime took for ReopenContainerLog.", latency),
		window:           histogram("rotation_window_seconds", "Time from the rename to the end of the reopen.", latency),
		fill: histogram("rotated_size_ratio", "Size of a file when it was rotated, as a share of maxSize.",
			[]float64{0.5, 0.8, 0.9, 0.95, 0.98, 1, 1.02, 1.05, 1.1, 1.15, 1.25, 1.5, 2, 5, 10}),
		refused:  prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "cri_logshim", Name: "containers_not_managed_total", Help: "Containers whose log is not managed, by what is wrong with its name or path."}, []string{"reason"}),
		removed:  prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "cri_logshim", Name: "files_removed_total", Help: "Log files removed, by the setting that asked for it."}, []string{"reason"}),
		pressure: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "cri_logshim", Name: "node_pressure", Help: "1 while a bound of the node is broken and nothing that may go would mend it."}, []string{"bound"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "cri_logshim", Name: "failures_total", Help: "Failed steps of the log manager, by step."}, []string{"step"}),
	}
	stuck := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "cri_logshim", Name: "stuck_operations", Help: "File and runtime operations that have been under way for too long."},
		func() float64 { return float64(work.stuck(time.Now())) })
	errs := []error{err}
	for _, c := range []prometheus.Collector{
		m.managed, m.awake, m.polled, m.keptFiles, m.keptBytes, m.rotations, m.healed, m.removed, m.refused, m.written, m.foreignReopens, m.panics,
		m.deletedUnread, m.looks, lags, m.pressure, m.elsewhereLinks,
		m.compressedIn, m.compressedOut, m.reopen, m.window, m.fill, m.failures, stuck,
	} {
		errs = append(errs, reg.Register(c))
	}
	// A series that came with its first count would show no increase.
	for _, reason := range refusalReasons() {
		m.refused.WithLabelValues(reason)
	}
	for _, step := range failingSteps() {
		m.failures.WithLabelValues(step)
	}
	for _, reason := range removalReasons() {
		m.removed.WithLabelValues(string(reason))
	}
	return m, errors.Join(errs...)
}

// Why a container's log is not managed, in one word.
const (
	refusedOutside = "outside_pod_logs_dir"
	refusedName    = "invalid_name"
	refusedEscapes = "path_escapes"
	refusedShared  = "path_taken"
	refusedOther   = "other"
)

func refusalReasons() []string {
	return []string{refusedOutside, refusedName, refusedEscapes, refusedShared, refusedOther}
}

// refuse counts a container whose log is not managed.
func (m *metrics) refuse(err error) {
	reason := refusedOther
	switch {
	case errors.Is(err, ErrOutside):
		reason = refusedOutside
	case errors.Is(err, logfile.ErrName):
		reason = refusedName
	case errors.Is(err, logfile.ErrEscapes):
		reason = refusedEscapes
	case errors.Is(err, errPathTaken):
		reason = refusedShared
	}
	m.refused.WithLabelValues(reason).Inc()
}

// What may fail in the work on logs.
const (
	stepCompress = "compress"
	stepCount    = "count"
	stepKeep     = "keep"
	stepLink     = "link"
	stepList     = "list"
	stepPrepare  = "prepare"
	stepReaders  = "readers"
	stepRedirect = "redirect"
	stepRemove   = "remove"
	stepRename   = "rename"
	stepReopen   = "reopen"
	stepSpace    = "space"
	stepStat     = "stat"
	stepStatus   = "status"
	stepUnlink   = "unlink"
	stepWatch    = "watch"
)

func failingSteps() []string {
	return []string{stepCompress, stepCount, stepKeep, stepLink, stepList, stepPrepare, stepReaders, stepRedirect, stepRemove, stepRename, stepReopen, stepSpace, stepStat, stepStatus, stepUnlink, stepWatch}
}

// expiredReason is given for files of removed pods whose time is over.
const expiredReason = "keepAfterRemoval"

func removalReasons() []retention.Reason {
	return append(retention.Reasons(), expiredReason, keptReason)
}

func (m *metrics) failed(step string) { m.failures.WithLabelValues(step).Inc() }

// rotated counts a rotation.
func (m *metrics) rotated() {
	m.swaps.Add(1)
	m.rotations.Inc()
}

// manage notes how many logs are held to their policy.
func (m *metrics) manage(logs int) {
	m.logs.Store(int64(logs))
	m.managed.Set(float64(logs))
}

// elsewhereMetrics are about logs that the runtime keeps in files of its own.
type elsewhereMetrics struct {
	elsewhereLogs, elsewhereBytes, elsewhereUnbounded prometheus.Gauge
	elsewhereRotations                                prometheus.Counter
}

func newElsewhereMetrics(reg prometheus.Registerer) (elsewhereMetrics, error) {
	m := elsewhereMetrics{
		elsewhereLogs:      prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "cri_logshim", Name: "elsewhere_logs", Help: "Logs that the runtime keeps in files of its own, as Docker does, which nobody else can rotate."}),
		elsewhereBytes:     prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "cri_logshim", Name: "elsewhere_bytes", Help: "Bytes on disk of the files that the runtime itself keeps, rotated ones included."}),
		elsewhereUnbounded: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "cri_logshim", Name: "elsewhere_unbounded_logs", Help: "Logs of running containers that the runtime keeps in files of its own without a limit."}),
		elsewhereRotations: prometheus.NewCounter(prometheus.CounterOpts{Namespace: "cri_logshim", Name: "elsewhere_rotations_total", Help: "Rotations that the runtime itself has made of its own files, as far as was seen every ten seconds."}),
	}
	return m, errors.Join(reg.Register(m.elsewhereLogs), reg.Register(m.elsewhereBytes), reg.Register(m.elsewhereUnbounded), reg.Register(m.elsewhereRotations))
}
