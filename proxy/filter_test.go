package proxy

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/cri-logshim/cri-logshim/proxy/internal/recorder"
)

// What containerd serves beside CRI gives away the whole node, and is not for
// whoever reaches this socket.
func TestOtherServicesAreUnimplementedAndNeverReachTheRuntime(t *testing.T) {
	t.Parallel()
	b := newBed(t, echo)
	for _, method := range []string{
		"/containerd.services.tasks.v1.Tasks/List",
		"/containerd.services.content.v1.Content/Read",
		"/containerd.runtime.v1.RuntimeService/Version",
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
		"/grpc.health.v1.Health/Invented",
		"/grpc.health.v1.Health2/Check",
		"/runtime.v1/Version",
		"/runtime.v1./Version",
		"/runtime.v1.RuntimeService.Inner/Version",
		"/runtime.v1beta1.RuntimeService/Version",
		"/runtime.v2.RuntimeService/Version",
		"/runtime.v11.RuntimeService/Version",
		"/runtime.v1alpha2/Version",
		"/Runtime.v1.RuntimeService/Version",
		"/runtime.v1.x/containerd.services.tasks.v1.Tasks/List",
		"/runtime.v1.RuntimeService/../containerd.services.tasks.v1.Tasks/List",
		"//runtime.v1.RuntimeService/Version",
		"/Version",
		"/",
	} {
		_, unaryErr := b.invoke(method, "request")
		_, streamErr := recv(b.open(method))
		if status.Code(unaryErr) != codes.Unimplemented || status.Code(streamErr) != codes.Unimplemented {
			t.Errorf("%s was answered with %v, as a stream with %v", method, unaryErr, streamErr)
		}
	}
	for _, c := range b.upstream.Calls() {
		t.Errorf("%s reached the runtime", c.Method)
	}
}

// Health is the proxy's own: it is there without a runtime.
func TestHealthIsAnsweredHere(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	conn := b.dialPlain()
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("health is %v, %v", answer, err)
	}
}

func TestTheImageServiceHasItsOwnEndpoint(t *testing.T) {
	t.Parallel()
	images := newBed(t, func(c *recorder.Call) error { return c.Send([]byte("images")) })
	b := newBed(t, func(c *recorder.Call) error { return c.Send([]byte("runtime")) }, func(o *Options) {
		o.ImageEndpoint = "unix://" + images.path("upstream")
	})
	for method, want := range map[string]string{
		"/runtime.v1.RuntimeService/Version":         "runtime",
		"/runtime.v1alpha2.RuntimeService/Version":   "runtime",
		"/runtime.v1.InventedService/Version":        "runtime",
		"/runtime.v1.ImageService/PullImage":         "images",
		"/runtime.v1.ImageService/Invented":          "images",
		"/runtime.v1alpha2.ImageService/ImageFsInfo": "images",
	} {
		if got, err := b.invoke(method, ""); err != nil || got != want {
			t.Errorf("%s was answered by %q, %v; want %s", method, got, err, want)
		}
	}
}
