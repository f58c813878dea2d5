package interceptors

import (
	"context"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// BenchmarkCost makes each call in turn through a proxy with hooks and
// through one without. The ratio of the two medians is what the hooks cost.
func BenchmarkCost(b *testing.B) {
	filled, empty := createRequest("/pods/ns_pod_uid", "app/2.log"), createRequest("", "")
	for _, m := range []struct {
		name, method string
		request      proto.Message
	}{
		{"no hook", "Version", &cri.VersionRequest{}},
		{"before and pass", "ContainerStatus", &cri.ContainerStatusRequest{ContainerId: "one"}},
		{"after", "StopContainer", &cri.StopContainerRequest{ContainerId: "one"}},
		{"create", "CreateContainer", filled},
		{"create and fill", "CreateContainer", empty},
	} {
		b.Run(m.name, func(b *testing.B) {
			bed := newBed(b, func(context.Context, string, []byte) ([]byte, error) { return nil, nil })
			method, request := "/runtime.v1.RuntimeService/"+m.method, foreign(b, m.request)
			var with, without []time.Duration
			for b.Loop() {
				with = append(with, timed(b, bed.client, method, request))
				without = append(without, timed(b, bed.bare, method, request))
			}
			b.ReportMetric(median(with).Seconds()/median(without).Seconds(), "ratio")
			b.ReportMetric(0, "ns/op") // of both together: says nothing
		})
	}
}

func timed(b *testing.B, conn *grpc.ClientConn, method string, request []byte) time.Duration {
	b.Helper()
	began := time.Now()
	got := call(b.Context(), conn, method, request)
	took := time.Since(began)
	if got.err != nil {
		b.Fatal(got.err)
	}
	return took
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
