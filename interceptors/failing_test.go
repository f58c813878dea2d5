package interceptors

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/proxy"
)

// panics are the ways in which code goes wrong.
var panics = map[string]func(){
	"value":  func() { panic(errors.New("broken")) },
	"string": func() { panic("broken") },
	"nil":    func() { panic(nil) },
	"memory": func() { (&fakeLogs{}).trap("a nil function") },
}

// However the log manager fails a hook, before the call or after it, the caller
// gets what it would have got without hooks, and the failure is counted.
func TestLogManagerPanics(t *testing.T) {
	for kind, fail := range panics {
		t.Run(kind, func(t *testing.T) {
			forEachHook(t, func(t *testing.T, h hooked, method string) {
				for step, in := range map[string]string{"before": h.asked, "pass": h.passed, "after": h.told} {
					if in == "" {
						continue
					}
					response := foreign(t, h.response)
					b := newBed(t, func(context.Context, string, []byte) ([]byte, error) { return response, nil })
					b.logs.trap = func(method string) {
						if method == in {
							fail()
						}
					}
					request := foreign(t, h.request)
					with := call(t.Context(), b.client, method, request)
					arrived(t, b.upstream.take(), received{method, request})
					same(t, with, call(t.Context(), b.bare, method, request))
					if with.err != nil {
						t.Errorf("a panic in %s makes the call fail: %v", in, with.err)
					}
					b.stop()
					told(t, b.logs.take(), nil)
					failures(t, b, map[string]float64{h.method + " " + step: 1})
				}
			})
		})
	}
}

// The same for a log manager that fails at a name that is to be filled in, or
// refused.
func TestPlacePanics(t *testing.T) {
	for _, in := range []string{"Place", "Refused"} {
		b := newBed(t, answerCreated)
		b.logs.trap = func(method string) {
			if method == in {
				panic("broken")
			}
		}
		sent := createRequest("", "")
		sent.Config.Metadata.Name = ".."
		const method = "/runtime.v1.RuntimeService/CreateContainer"
		request := foreign(t, sent)
		with := call(t.Context(), b.client, method, request)
		arrived(t, b.upstream.take(), received{method, request})
		same(t, with, call(t.Context(), b.bare, method, request))
		b.stop()
		told(t, b.logs.take(), nil)
		failures(t, b, map[string]float64{"CreateContainer before": 1})
	}
}

// A request that is no message of its method is the runtime's to refuse, or to
// take: the hook keeps out of it.
func TestUndecodableRequest(t *testing.T) {
	forEachHook(t, func(t *testing.T, h hooked, method string) {
		response := foreign(t, h.response)
		b := newBed(t, func(context.Context, string, []byte) ([]byte, error) { return response, nil })
		with := call(t.Context(), b.client, method, undecodable)
		arrived(t, b.upstream.take(), received{method, undecodable})
		same(t, with, call(t.Context(), b.bare, method, undecodable))
		b.stop()
		told(t, b.logs.take(), nil)
		failures(t, b, map[string]float64{h.method + " before": 1})
	})
}

// An answer that is no message of its method goes to the client as it is. The
// call has succeeded, which is all that most hooks want to know; only a new
// container stays unknown without its id.
func TestUndecodableResponse(t *testing.T) {
	forEachHook(t, func(t *testing.T, h hooked, method string) {
		b := newBed(t, func(context.Context, string, []byte) ([]byte, error) { return undecodable, nil })
		request := foreign(t, h.request)
		with := call(t.Context(), b.client, method, request)
		arrived(t, b.upstream.take(), received{method, request})
		same(t, with, call(t.Context(), b.bare, method, request))
		b.stop()
		want, counted := h.success, map[string]float64{h.method + " response": 1}
		switch h.method {
		case "CreateContainer":
			want = nil
		case "ContainerStatus": // nobody wants to know its answer
			counted = nil
		}
		told(t, b.logs.take(), want)
		failures(t, b, counted)
	})
}

// A panic further in fails the call, as it would without hooks. The hooks learn
// that it has failed, and everything is let go of, once.
func TestPanicFurtherIn(t *testing.T) {
	for when, inner := range map[string]grpc.StreamServerInterceptor{
		"before forwarding": func(any, grpc.ServerStream, *grpc.StreamServerInfo, grpc.StreamHandler) error { panic("broken") },
		"after the request": func(_ any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, _ grpc.StreamHandler) error {
			panic(ss.RecvMsg(&proxy.Frame{}))
		},
		"after the answer": func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			panic(handler(srv, ss))
		},
	} {
		t.Run(when, func(t *testing.T) {
			forEachHook(t, func(t *testing.T, h hooked, method string) {
				b := newBed(t, func(context.Context, string, []byte) ([]byte, error) { return foreign(t, h.response), nil }, inner)
				if got := call(t.Context(), b.client, method, foreign(t, h.request)); got.err == nil {
					t.Error("the call succeeds")
				}
				b.stop()
				want := h.failure
				switch {
				case when == "before forwarding":
					want = nil // the hook has not seen the request
				case when == "after the answer" && h.passed != "":
					want = h.success // it has let the answer pass
				}
				told(t, b.logs.take(), want)
				failures(t, b, nil)
			})
		})
	}
}

// A hook of any method that panics before the call has no effect on it. The
// hooks that exist ask the log manager only in some methods, so these are hooks
// of the test's own.
func TestBeforePanics(t *testing.T) {
	var lines strings.Builder
	log := logrus.New()
	log.SetOutput(&lines)
	g := guard{log: log, failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "failures_total"}, []string{"method", "step"})}
	request := []byte("\x0a\x03one")
	for method, h := range map[string]grpc.StreamServerInterceptor{
		"CreateContainer":    panicking[cri.CreateContainerRequest, cri.CreateContainerResponse](g),
		"StartContainer":     panicking[cri.StartContainerRequest, cri.StartContainerResponse](g),
		"StopContainer":      panicking[cri.StopContainerRequest, cri.StopContainerResponse](g),
		"RemoveContainer":    panicking[cri.RemoveContainerRequest, cri.RemoveContainerResponse](g),
		"RemovePodSandbox":   panicking[cri.RemovePodSandboxRequest, cri.RemovePodSandboxResponse](g),
		"ContainerStatus":    panicking[cri.ContainerStatusRequest, cri.ContainerStatusResponse](g),
		"ReopenContainerLog": panicking[cri.ReopenContainerLogRequest, cri.ReopenContainerLogResponse](g),
	} {
		b := newBed(t, func(_ context.Context, _ string, r []byte) ([]byte, error) { return r, nil }, h)
		lines.Reset()
		full := "/runtime.v1.RuntimeService/" + method
		with := call(t.Context(), b.client, full, request)
		arrived(t, b.upstream.take(), received{full, request})
		same(t, with, call(t.Context(), b.bare, full, request))
		b.stop()
		if !strings.Contains(lines.String(), "broken hook") || !strings.Contains(lines.String(), "failing_test.go") {
			t.Errorf("%s: the log does not tell what has panicked, and where: %s", method, &lines)
		}
	}
}

func panicking[Req, Resp any, PReq message[Req], PResp message[Resp]](g guard) grpc.StreamServerInterceptor {
	return hook[Req, Resp, PReq, PResp](g, "any", func(context.Context, PReq) verdict[Resp] { panic("broken hook") })
}

// Two sets of hooks on one registry would count for each other.
func TestMetricsOnce(t *testing.T) {
	registry, log := prometheus.NewRegistry(), logrus.New()
	log.SetOutput(io.Discard)
	if _, err := New(newFakeLogs(), log, registry); err != nil {
		t.Fatal(err)
	}
	if _, err := New(newFakeLogs(), log, registry); err == nil {
		t.Error("a second set of hooks was made")
	}
}
