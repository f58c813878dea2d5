package interceptors

import (
	"context"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// BenchmarkCost makes each call in turn through a proxy without hooks and
// through one with them. The ratio of the two is what the hooks cost.
func BenchmarkCost(b *testing.B) {
	filled, empty := createRequest("/pods/ns_pod_uid", "app/2.log"), createRequest("", "")
	for _, m := range []struct {
		name, method string
		request      proto.Message
	}{
		{"no hook", "Version", &cri.VersionRequest{}},
		{"before only", "ContainerStatus", &cri.ContainerStatusRequest{ContainerId: "one"}},
		{"after", "StopContainer", &cri.StopContainerRequest{ContainerId: "one"}},
		{"create", "CreateContainer", filled},
		{"create and fill", "CreateContainer", empty},
	} {
		b.Run(m.name, func(b *testing.B) {
			bed := newBed(b, func(context.Context, string, []byte) ([]byte, error) { return nil, nil })
			method, request := "/runtime.v1.RuntimeService/"+m.method, foreign(b, m.request)
			var with, without time.Duration
			for b.Loop() {
				began := time.Now()
				hooked := call(b.Context(), bed.client, method, request)
				between := time.Now()
				bare := call(b.Context(), bed.bare, method, request)
				with, without = with+between.Sub(began), without+time.Since(between)
				if hooked.err != nil || bare.err != nil {
					b.Fatal(hooked.err, bare.err)
				}
			}
			b.ReportMetric(with.Seconds()/without.Seconds(), "ratio")
			b.ReportMetric(0, "ns/op") // of both together: says nothing
		})
	}
}
