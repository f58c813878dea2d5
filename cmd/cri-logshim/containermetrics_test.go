package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

func viewOf(namespace, pod, container string, written, disk int64) logmgr.LogView {
	return logmgr.LogView{
		Container:    logmgr.Container{Namespace: namespace, Pod: pod, Name: container},
		BytesWritten: written, Rotations: 1, DiskBytes: &disk, Overshoot: 1.5, PackedFrom: 30, PackedTo: 10,
	}
}

// Two pods of one name would make the whole scrape fail, and so would a name that is no text. What
// was not counted yet has none of the ratios.
func TestContainerMetrics(t *testing.T) {
	t.Parallel()
	logs := []logmgr.LogView{
		viewOf("shop", "web-0", "app", 5, 7), viewOf("shop", "web-0", "app", 50, 70), viewOf("shop", "\xff", "b", 1, 1),
		{Container: logmgr.Container{Namespace: "shop", Pod: "new", Name: "c"}},
	}
	var fails error
	c := newContainerMetrics(func(context.Context) (logmgr.View, error) { return logmgr.View{Logs: logs}, fails })
	want := `
# HELP cri_logshim_container_compression_ratio With admin.containerMetrics: bytes of a container's compressed files before, as a multiple of those after.
# TYPE cri_logshim_container_compression_ratio gauge
cri_logshim_container_compression_ratio{container="app",namespace="shop",pod="web-0"} 3
cri_logshim_container_compression_ratio{container="b",namespace="shop",pod="` + "\uFFFD" + `"} 3
# HELP cri_logshim_container_disk_bytes With admin.containerMetrics: bytes on disk of all files of a container's logs.
# TYPE cri_logshim_container_disk_bytes gauge
cri_logshim_container_disk_bytes{container="app",namespace="shop",pod="web-0"} 77
cri_logshim_container_disk_bytes{container="b",namespace="shop",pod="` + "\uFFFD" + `"} 1
# HELP cri_logshim_container_written_bytes_total With admin.containerMetrics: bytes that were seen to be written to a container's logs.
# TYPE cri_logshim_container_written_bytes_total counter
cri_logshim_container_written_bytes_total{container="app",namespace="shop",pod="web-0"} 55
cri_logshim_container_written_bytes_total{container="b",namespace="shop",pod="` + "\uFFFD" + `"} 1
cri_logshim_container_written_bytes_total{container="c",namespace="shop",pod="new"} 0
`
	for _, fails = range []error{nil, errors.New("no answer in time")} {
		err := testutil.CollectAndCompare(c, strings.NewReader(want),
			"cri_logshim_container_compression_ratio", "cri_logshim_container_disk_bytes", "cri_logshim_container_written_bytes_total")
		if err != nil {
			t.Errorf("answer %v: %v", fails, err)
		}
	}
}

// A node with ever so many pods has a bounded number of series, and no byte is left out of them.
func TestContainerMetricsAreBounded(t *testing.T) {
	t.Parallel()
	const containers = mostContainers + 500
	var logs []logmgr.LogView
	for i := range containers {
		logs = append(logs, viewOf("batch", fmt.Sprintf("pod-%04d", i), "app", 1, 1))
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(newContainerMetrics(func(context.Context) (logmgr.View, error) { return logmgr.View{Logs: logs}, nil }))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if len(f.GetMetric()) != mostContainers {
			t.Errorf("%s has %d series", f.GetName(), len(f.GetMetric()))
		}
		if f.GetName() != "cri_logshim_container_written_bytes_total" {
			continue
		}
		var sum float64
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue()
		}
		if sum != containers {
			t.Errorf("the series come to %v bytes, want %v", sum, containers)
		}
	}
}
