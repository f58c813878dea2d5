package proxy

import (
	"fmt"
	"testing"

	grpcprom "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/cri-logshim/cri-logshim/proxy/internal/recorder"
)

// series is one time series of grpc_server_handled_total.
type series struct{ kind, service, method, code string }

func handled(t *testing.T, registry *prometheus.Registry) map[series]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[series]float64)
	for _, family := range families {
		if family.GetName() != "grpc_server_handled_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			labels := make(map[string]string)
			for _, l := range metric.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			s := series{labels["grpc_type"], labels["grpc_service"], labels["grpc_method"], labels["grpc_code"]}
			found[s] = metric.GetCounter().GetValue()
		}
	}
	return found
}

// The metrics carry the real kind of each method, and the names that a client
// invents do not become series.
func TestMetricsCarryTheRealKindAndOneLabelForUnknownMethods(t *testing.T) {
	t.Parallel()
	metrics := grpcprom.NewServerMetrics()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(metrics); err != nil {
		t.Fatal(err)
	}
	b := newBed(t, either, func(o *Options) {
		o.Interceptors = []grpc.StreamServerInterceptor{
			WithRealKind(metrics.UnaryServerInterceptor(), metrics.StreamServerInterceptor()),
		}
	})
	for range 3 {
		if _, err := b.invoke(versionMethod, ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.invoke("/runtime.v1alpha2.ImageService/PullImage", ""); err != nil {
		t.Fatal(err)
	}
	cs := b.open(eventsMethod)
	send(t, cs, "request")
	mustRecv(t, cs, "first")
	const invented = 1000
	for i := range invented {
		if _, err := b.invoke(fmt.Sprintf("/runtime.v1.RuntimeService/Invented%d", i), ""); err != nil {
			t.Fatal(err)
		}
		_, err := b.invoke(fmt.Sprintf("/invented%d/Invented%d", i, i), "")
		wantCode(t, err, codes.Unimplemented)
	}
	b.stop() // ends the stream, and waits for all to be counted
	if err := b.finished(); err != nil {
		t.Fatal(err)
	}

	want := map[series]float64{
		{"unary", "runtime.v1.RuntimeService", "Version", "OK"}:                             3,
		{"unary", "runtime.v1alpha2.ImageService", "PullImage", "OK"}:                       1,
		{"server_stream", "runtime.v1.RuntimeService", "GetContainerEvents", "Unavailable"}: 1,
		{"bidi_stream", "unknown", "unknown", "OK"}:                                         invented,
		{"bidi_stream", "unknown", "unknown", "Unimplemented"}:                              invented,
	}
	got := handled(t, registry)
	for s, count := range want {
		if got[s] != count {
			t.Errorf("%v was counted %v times, want %v", s, got[s], count)
		}
		delete(got, s)
	}
	if len(got) > 0 {
		t.Errorf("there are other series: %v", got)
	}
}

func TestWithRealInfoCorrectsTheInfo(t *testing.T) {
	t.Parallel()
	infos := make(chan grpc.StreamServerInfo, 1)
	b := newBed(t, func(c *recorder.Call) error { return c.Send(nil) }, func(o *Options) {
		o.Interceptors = []grpc.StreamServerInterceptor{WithRealInfo(
			func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
				infos <- *info
				return handler(srv, ss)
			})}
	})
	for method, want := range map[string]grpc.StreamServerInfo{
		versionMethod: {FullMethod: versionMethod},
		eventsMethod:  {FullMethod: eventsMethod, IsServerStream: true},
		unknownBidi:   {FullMethod: "/unknown/unknown", IsClientStream: true, IsServerStream: true},
		"/a.B/C":      {FullMethod: "/unknown/unknown", IsClientStream: true, IsServerStream: true},
	} {
		// Not all of these are answered; all of them pass the interceptor.
		_, err := b.invoke(method, "")
		if got := within(t, infos, "the interceptor"); got != want {
			t.Errorf("%s: info is %+v, want %+v (answer: %v)", method, got, want, err)
		}
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct{ known, client, server bool }{
		"/runtime.v1.RuntimeService/Version":                  {true, false, false},
		"/runtime.v1alpha2.RuntimeService/Version":            {true, false, false},
		"/runtime.v1.ImageService/PullImage":                  {true, false, false},
		"/runtime.v1.RuntimeService/GetContainerEvents":       {true, false, true},
		"/runtime.v1alpha2.RuntimeService/GetContainerEvents": {true, false, true},
		"/runtime.v1.RuntimeService/StreamContainers":         {true, false, true},
		"/grpc.health.v1.Health/Watch":                        {true, false, true},
		"/runtime.v1.RuntimeService/Invented":                 {false, true, true},
		"runtime.v1.RuntimeService/Version":                   {false, true, true},
		"":                                                    {false, true, true},
	} {
		info, known := Describe(name)
		if known != want.known || info.IsClientStream != want.client || info.IsServerStream != want.server || info.FullMethod != name {
			t.Errorf("%q is %+v, known %v", name, info, known)
		}
	}
}
