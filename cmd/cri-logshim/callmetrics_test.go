package main

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc/connectivity"
)

// Of the states one is 1 at any time, also of a state that was not there when the metric was
// made: an alert on "not ready" must not lack the series.
func TestUpstreamState(t *testing.T) {
	t.Parallel()
	now := connectivity.Connecting
	u := newUpstreamState(func() connectivity.State { return now })
	for state, label := range map[connectivity.State]string{
		connectivity.Idle: "idle", connectivity.Connecting: "connecting", connectivity.Ready: "ready",
		connectivity.TransientFailure: "transient_failure", connectivity.Shutdown: "shutdown",
	} {
		now = state
		var want strings.Builder
		want.WriteString("# HELP cri_logshim_upstream_state 1 for the state that the connection to the runtime is in, 0 for every other.\n# TYPE cri_logshim_upstream_state gauge\n")
		for _, l := range []string{"connecting", "idle", "ready", "shutdown", "transient_failure"} {
			value := " 0\n"
			if l == label {
				value = " 1\n"
			}
			want.WriteString(`cri_logshim_upstream_state{state="` + l + `"}` + value)
		}
		if err := testutil.CollectAndCompare(u, strings.NewReader(want.String())); err != nil {
			t.Error(err)
		}
	}
}

// What is added to a call is told by the method's own name, whichever version of CRI it is of.
func TestAddedByMethod(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	added, err := newAdded(registry)
	if err != nil {
		t.Fatal(err)
	}
	added("/runtime.v1.RuntimeService/Version", 3*time.Millisecond)
	added("/runtime.v1alpha2.RuntimeService/Version", 5*time.Millisecond)
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || len(families[0].GetMetric()) != 1 {
		t.Fatalf("%v, %v", families, err)
	}
	m := families[0].GetMetric()[0]
	if m.GetLabel()[0].GetValue() != "Version" || m.GetHistogram().GetSampleCount() != 2 || m.GetHistogram().GetSampleSum() != 0.008 {
		t.Errorf("the metric is %v", m)
	}
}
