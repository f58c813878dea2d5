package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// A container that is called what the rest are called together costs no metrics: two series of one
// name would be an error of the whole scrape.
func TestContainerCalledOther(t *testing.T) {
	logs := []logmgr.LogView{{Container: logmgr.Container{Name: otherContainer}, BytesWritten: 1}}
	for n := range mostContainers + 5 {
		logs = append(logs, logmgr.LogView{Container: logmgr.Container{Namespace: "shop", Pod: fmt.Sprint("web-", n), Name: "app"}, BytesWritten: 1})
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(newContainerMetrics(func(context.Context) (logmgr.View, error) { return logmgr.View{Logs: logs}, nil }))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		sum, series := 0.0, f.GetMetric()
		for _, m := range series {
			sum += m.GetCounter().GetValue()
		}
		if f.GetName() == "cri_logshim_container_written_bytes_total" && (int(sum) != len(logs) || len(series) != mostContainers) {
			t.Errorf("%v bytes in %d series, want %d in %d", sum, len(series), len(logs), mostContainers)
		}
	}
}
