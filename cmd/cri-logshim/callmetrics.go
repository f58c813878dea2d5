package main

import (
	"path"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/connectivity"
)

// newAdded makes the histogram of what this process adds to calls, and who is to be told of it.
func newAdded(registry prometheus.Registerer) (func(fullMethod string, d time.Duration), error) {
	added := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "cri_logshim", Name: "call_added_seconds",
		Help:    "Time that unary CRI calls were handled here, less what they waited for their request and for the runtime.",
		Buckets: prometheus.ExponentialBuckets(10e-6, 4, 10), // to 2.6 s
	}, []string{"grpc_method"})
	return func(fullMethod string, d time.Duration) {
		added.WithLabelValues(path.Base(fullMethod)).Observe(d.Seconds())
	}, registry.Register(added)
}

// upstreamState shows the state of the connection to the runtime. It is a prometheus.Collector.
type upstreamState struct {
	state    func() connectivity.State
	describe *prometheus.Desc
}

func newUpstreamState(state func() connectivity.State) upstreamState {
	return upstreamState{state, prometheus.NewDesc("cri_logshim_upstream_state",
		"1 for the state that the connection to the runtime is in, 0 for every other.", []string{"state"}, nil)}
}

// Describe is part of prometheus.Collector.
func (u upstreamState) Describe(out chan<- *prometheus.Desc) { out <- u.describe }

// Collect is part of prometheus.Collector.
func (u upstreamState) Collect(out chan<- prometheus.Metric) {
	now := u.state()
	for state := connectivity.Idle; state <= connectivity.Shutdown; state++ {
		value := 0.0
		if state == now {
			value = 1
		}
		out <- prometheus.MustNewConstMetric(u.describe, prometheus.GaugeValue, value, strings.ToLower(state.String()))
	}
}
