package main

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

const (
	// mostContainers bounds the series: those of further containers are one, named other.
	mostContainers = 1000
	otherContainer = "other"
	// viewTime is how long the log manager has to answer a scrape.
	viewTime = time.Second
)

// containerMetrics are about each container's logs, for a node whose operator wants that many
// series and may let whoever reaches the metrics know what pods are called. It is a
// prometheus.Collector.
type containerMetrics struct {
	view func(context.Context) (logmgr.View, error)

	written, rotations, disk, overshoot, ratio *prometheus.Desc

	mu   sync.Mutex
	last []containerFigures // as told last, for when there is no answer in time
}

// containerName is what the series of a container are told apart by: a pod that was made anew
// under its name goes on with them.
type containerName struct{ namespace, pod, container string }

func (n containerName) compare(o containerName) int {
	return cmp.Or(strings.Compare(n.namespace, o.namespace), strings.Compare(n.pod, o.pod), strings.Compare(n.container, o.container))
}

// containerFigures are what is told of all logs of one name.
type containerFigures struct {
	containerName
	written, rotations, disk int64
	counted                  bool // disk is known
	overshoot                float64
	from, to                 int64 // bytes that were compressed, before and after
}

func newContainerMetrics(view func(context.Context) (logmgr.View, error)) *containerMetrics {
	describe := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("cri_logshim_container_"+name, help, []string{"namespace", "pod", "container"}, nil)
	}
	return &containerMetrics{
		view:      view,
		written:   describe("written_bytes_total", "With admin.containerMetrics: bytes that were seen to be written to a container's logs."),
		rotations: describe("rotations_total", "With admin.containerMetrics: rotations of a container's logs."),
		disk:      describe("disk_bytes", "With admin.containerMetrics: bytes on disk of all files of a container's logs."),
		overshoot: describe("overshoot_ratio", "With admin.containerMetrics: the largest size of a container's log at its rotation, as a share of maxSize."),
		ratio:     describe("compression_ratio", "With admin.containerMetrics: bytes of a container's compressed files before, as a multiple of those after."),
	}
}

// Describe is part of prometheus.Collector.
func (c *containerMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.written, c.rotations, c.disk, c.overshoot, c.ratio} {
		out <- d
	}
}

// Collect is part of prometheus.Collector.
func (c *containerMetrics) Collect(out chan<- prometheus.Metric) {
	for _, f := range c.figures() {
		tell := func(d *prometheus.Desc, kind prometheus.ValueType, value float64) {
			out <- prometheus.MustNewConstMetric(d, kind, value, f.namespace, f.pod, f.container)
		}
		tell(c.written, prometheus.CounterValue, float64(f.written))
		tell(c.rotations, prometheus.CounterValue, float64(f.rotations))
		if f.counted {
			tell(c.disk, prometheus.GaugeValue, float64(f.disk))
		}
		if f.overshoot > 0 {
			tell(c.overshoot, prometheus.GaugeValue, f.overshoot)
		}
		if f.to > 0 {
			tell(c.ratio, prometheus.GaugeValue, float64(f.from)/float64(f.to))
		}
	}
}

// figures are those of now, or where the log manager does not answer in time the last ones.
func (c *containerMetrics) figures() []containerFigures {
	ctx, cancel := context.WithTimeout(context.Background(), viewTime) //nolint:forbidigo // a collector is handed no context
	defer cancel()
	view, err := c.view(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.last = summedUp(view.Logs)
	}
	return c.last
}

// summedUp adds up what has the same names, and what is beyond the bound.
func summedUp(logs []logmgr.LogView) []containerFigures {
	sums := map[containerName]*containerFigures{}
	for _, l := range logs {
		// A runtime may tell anything, and a label is text.
		name := containerName{strings.ToValidUTF8(l.Namespace, "\uFFFD"), strings.ToValidUTF8(l.Pod, "\uFFFD"), strings.ToValidUTF8(l.Name, "\uFFFD")}
		sum := sums[name]
		if sum == nil {
			sum = &containerFigures{containerName: name}
			sums[name] = sum
		}
		one := containerFigures{written: l.BytesWritten, rotations: l.Rotations, overshoot: l.Overshoot, from: l.PackedFrom, to: l.PackedTo}
		if l.DiskBytes != nil {
			one.disk, one.counted = *l.DiskBytes, true
		}
		sum.add(one)
	}
	all := make([]containerFigures, 0, len(sums))
	for _, sum := range sums {
		all = append(all, *sum)
	}
	slices.SortFunc(all, func(a, b containerFigures) int { return a.compare(b.containerName) })
	if len(all) <= mostContainers {
		return all
	}
	other := containerFigures{containerName: containerName{container: otherContainer}}
	kept := make([]containerFigures, 0, mostContainers)
	for _, f := range all {
		if len(kept) == mostContainers-1 || f.containerName == other.containerName {
			other.add(f) // a second series of the name would cost all metrics
			continue
		}
		kept = append(kept, f)
	}
	return append(kept, other)
}

func (f *containerFigures) add(o containerFigures) {
	f.written += o.written
	f.rotations += o.rotations
	f.disk += o.disk
	f.counted = f.counted || o.counted
	f.overshoot = max(f.overshoot, o.overshoot)
	f.from += o.from
	f.to += o.to
}
