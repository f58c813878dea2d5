package main

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// sumTime is how long the log manager has to answer a scrape.
const sumTime = time.Second

// sumMetrics are about what each namespace's logs come to, and each container's for a node whose
// operator wants that many series and may let whoever reaches the metrics know what pods are called.
// It is a prometheus.Collector.
type sumMetrics struct {
	sums       func(context.Context) (logmgr.Sums, error)
	namespaces sumSeries
	containers sumSeries
	ofEach     bool // container

	mu   sync.Mutex
	last logmgr.Sums // as told last, for when there is no answer in time
}

// sumSeries are the metrics about sums of one kind.
type sumSeries struct {
	label                    func(logmgr.Sum) []string
	written, rotations, disk *prometheus.Desc
	overshoot, ratio         *prometheus.Desc // nil: not told of this kind
}

func newSumMetrics(sums func(context.Context) (logmgr.Sums, error), ofEach bool) *sumMetrics {
	namespace := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("cri_logshim_namespace_"+name, help, []string{"namespace"}, nil)
	}
	container := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("cri_logshim_container_"+name, "With admin.containerMetrics: "+help, []string{"namespace", "pod", "container"}, nil)
	}
	return &sumMetrics{
		sums: sums, ofEach: ofEach,
		namespaces: sumSeries{
			label:     func(s logmgr.Sum) []string { return []string{s.Namespace} },
			written:   namespace("written_bytes_total", "Bytes that were seen to be written to a namespace's logs."),
			rotations: namespace("rotations_total", "Rotations of a namespace's logs."),
			disk:      namespace("disk_bytes", "Bytes on disk of all files of a namespace's logs, those of removed pods included."),
		},
		containers: sumSeries{
			label:     func(s logmgr.Sum) []string { return []string{s.Namespace, s.Pod, s.Container} },
			written:   container("written_bytes_total", "bytes that were seen to be written to a container's logs."),
			rotations: container("rotations_total", "rotations of a container's logs."),
			disk:      container("disk_bytes", "bytes on disk of all files of a container's logs."),
			overshoot: container("overshoot_ratio", "the largest size of a container's log at its rotation, as a share of maxSize."),
			ratio:     container("compression_ratio", "bytes of a container's compressed files before, as a multiple of those after."),
		},
	}
}

// Describe is part of prometheus.Collector.
func (c *sumMetrics) Describe(out chan<- *prometheus.Desc) {
	c.namespaces.describe(out)
	if c.ofEach {
		c.containers.describe(out)
	}
}

// Collect is part of prometheus.Collector.
func (c *sumMetrics) Collect(out chan<- prometheus.Metric) {
	now := c.now()
	for _, s := range now.Namespaces {
		c.namespaces.tell(out, s)
	}
	for _, s := range now.Containers {
		c.containers.tell(out, s)
	}
}

// now are the sums of now, or where the log manager does not answer in time the last ones.
func (c *sumMetrics) now() logmgr.Sums {
	ctx, cancel := context.WithTimeout(context.Background(), sumTime) //nolint:forbidigo // a collector is handed no context
	defer cancel()
	sums, err := c.sums(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.last = sums
	}
	return c.last
}

func (k *sumSeries) describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{k.written, k.rotations, k.disk, k.overshoot, k.ratio} {
		if d != nil {
			out <- d
		}
	}
}

func (k *sumSeries) tell(out chan<- prometheus.Metric, s logmgr.Sum) {
	labels := k.label(s)
	tell := func(d *prometheus.Desc, kind prometheus.ValueType, value float64) {
		out <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	tell(k.written, prometheus.CounterValue, float64(s.BytesWritten))
	tell(k.rotations, prometheus.CounterValue, float64(s.Rotations))
	if s.DiskBytes != nil {
		tell(k.disk, prometheus.GaugeValue, float64(*s.DiskBytes))
	}
	if k.overshoot != nil && s.Overshoot > 0 {
		tell(k.overshoot, prometheus.GaugeValue, s.Overshoot)
	}
	if k.ratio != nil && s.PackedTo > 0 {
		tell(k.ratio, prometheus.GaugeValue, float64(s.PackedFrom)/float64(s.PackedTo))
	}
}
