package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// What is not known has no series, containers are named only where that is asked for, and a log
// manager that does not answer in time costs the scrape nothing of what it told last.
func TestSumMetrics(t *testing.T) {
	t.Parallel()
	disk := int64(77)
	sums := logmgr.Sums{
		Namespaces: []logmgr.Sum{{Namespace: "new"}, {Namespace: "shop", BytesWritten: 55, Rotations: 2, DiskBytes: &disk, Overshoot: 1.5, PackedFrom: 30, PackedTo: 10}},
		Containers: []logmgr.Sum{
			{Namespace: "new", Pod: "a", Container: "b"},
			{Namespace: "shop", Pod: "web-0", Container: "app", BytesWritten: 55, Rotations: 2, DiskBytes: &disk, Overshoot: 1.5, PackedFrom: 30, PackedTo: 10},
		},
	}
	const byNamespace = `
# HELP cri_logshim_namespace_disk_bytes Bytes on disk of all files of a namespace's logs, those of removed pods included.
# TYPE cri_logshim_namespace_disk_bytes gauge
cri_logshim_namespace_disk_bytes{namespace="shop"} 77
# HELP cri_logshim_namespace_rotations_total Rotations of a namespace's logs.
# TYPE cri_logshim_namespace_rotations_total counter
cri_logshim_namespace_rotations_total{namespace="new"} 0
cri_logshim_namespace_rotations_total{namespace="shop"} 2
# HELP cri_logshim_namespace_written_bytes_total Bytes that were seen to be written to a namespace's logs.
# TYPE cri_logshim_namespace_written_bytes_total counter
cri_logshim_namespace_written_bytes_total{namespace="new"} 0
cri_logshim_namespace_written_bytes_total{namespace="shop"} 55
`
	const byContainer = `
# HELP cri_logshim_container_compression_ratio With admin.containerMetrics: bytes of a container's compressed files before, as a multiple of those after.
# TYPE cri_logshim_container_compression_ratio gauge
cri_logshim_container_compression_ratio{container="app",namespace="shop",pod="web-0"} 3
# HELP cri_logshim_container_disk_bytes With admin.containerMetrics: bytes on disk of all files of a container's logs.
# TYPE cri_logshim_container_disk_bytes gauge
cri_logshim_container_disk_bytes{container="app",namespace="shop",pod="web-0"} 77
# HELP cri_logshim_container_overshoot_ratio With admin.containerMetrics: the largest size of a container's log at its rotation, as a share of maxSize.
# TYPE cri_logshim_container_overshoot_ratio gauge
cri_logshim_container_overshoot_ratio{container="app",namespace="shop",pod="web-0"} 1.5
# HELP cri_logshim_container_rotations_total With admin.containerMetrics: rotations of a container's logs.
# TYPE cri_logshim_container_rotations_total counter
cri_logshim_container_rotations_total{container="app",namespace="shop",pod="web-0"} 2
cri_logshim_container_rotations_total{container="b",namespace="new",pod="a"} 0
# HELP cri_logshim_container_written_bytes_total With admin.containerMetrics: bytes that were seen to be written to a container's logs.
# TYPE cri_logshim_container_written_bytes_total counter
cri_logshim_container_written_bytes_total{container="app",namespace="shop",pod="web-0"} 55
cri_logshim_container_written_bytes_total{container="b",namespace="new",pod="a"} 0
`
	for _, ofEach := range []bool{false, true} {
		told, want := sums, byNamespace+byContainer
		if !ofEach {
			told.Containers, want = nil, byNamespace
		}
		var fails error
		c := newSumMetrics(func(context.Context) (logmgr.Sums, error) { return told, fails }, ofEach)
		for _, fails = range []error{nil, errors.New("no answer in time")} {
			if err := testutil.CollectAndCompare(c, strings.NewReader(want)); err != nil {
				t.Errorf("answer %v: %v", fails, err)
			}
		}
	}
}

// Names that are no text, or that are those of the sum of all others, cost no metrics: two series of
// one name, or a label that is no text, would be an error of the whole scrape.
func TestSumsOfHostileNames(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m := managerOf(t, registry, true)
	names := []string{"\xff", "\xfe", "_other", "a\nb", ""}
	for n, name := range names {
		m.Created(logmgr.Container{
			ID: fmt.Sprint(n), SandboxID: "s", Namespace: name, Pod: "p", PodUID: "u", Name: name,
			LogDirectory: fmt.Sprintf("%s/ns_p_u%d", m.PodLogsDir, n), LogPath: "app/0.log",
		})
	}
	taken(t, m, len(names))
	registry.MustRegister(newSumMetrics(m.Sums, true))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range families {
		if f.GetName() == "cri_logshim_namespace_written_bytes_total" {
			found = len(f.GetMetric())
		}
	}
	if found < 2 {
		t.Errorf("there are %d namespaces", found)
	}
}

// A scrape of a node with many containers, each of which has its series.
func BenchmarkScrape(b *testing.B) {
	for _, containers := range []int{500, 5000} {
		for _, ofEach := range []bool{false, true} {
			b.Run(fmt.Sprintf("containers=%d/each=%t", containers, ofEach), func(b *testing.B) {
				registry := prometheus.NewRegistry()
				m := managerOf(b, registry, ofEach)
				for n := range containers {
					name := fmt.Sprint("app-", n)
					m.Created(logmgr.Container{
						ID: name, SandboxID: name, Namespace: fmt.Sprint("team-", n%30), Pod: name, PodUID: name, Name: "app",
						LogDirectory: fmt.Sprintf("%s/team-%d_%s_%s", m.PodLogsDir, n%30, name, name), LogPath: "app/0.log",
					})
				}
				taken(b, m, containers)
				registry.MustRegister(newSumMetrics(m.Sums, ofEach))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := registry.Gather(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// managerOf is a log manager on a runtime that has no containers and does not answer lists.
func managerOf(tb testing.TB, registry *prometheus.Registry, ofEach bool) *logmgr.Manager {
	tb.Helper()
	fake := runtimetest.NewFake()
	fake.OnList(func(context.Context) error { return errors.New("not to be asked") })
	log := logrus.New()
	log.SetOutput(io.Discard)
	m, err := logmgr.New(logmgr.Options{
		PodLogsDir: tb.TempDir(), Runtime: fake, Doorbell: logmgr.NewInotify(), Log: log, Metrics: registry, ContainerSums: ofEach,
		Settings: logmgr.Settings{PolicyOf: func(logmgr.Container) logmgr.Policy {
			return logmgr.Policy{MaxSize: 1 << 20, MaxFiles: 3, Compression: logfile.Plain}
		}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	return m
}

// taken waits until the manager has taken in so many containers.
func taken(tb testing.TB, m *logmgr.Manager, containers int) {
	tb.Helper()
	for {
		v, err := m.View(tb.Context())
		if err != nil {
			tb.Fatal(err)
		}
		if len(v.Logs) == containers {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
