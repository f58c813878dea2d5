package interceptors

import (
	"bytes"
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
)

// same fails the test unless a client cannot tell the two calls apart.
func same(t *testing.T, hooked, bare outcome) {
	t.Helper()
	if !bytes.Equal(hooked.response, bare.response) {
		t.Errorf("response %q through the hook, %q without", hooked.response, bare.response)
	}
	if diff := cmp.Diff(status.Convert(bare.err).Proto(), status.Convert(hooked.err).Proto(), protocmp.Transform()); diff != "" {
		t.Errorf("the hook changes the status (- without, + with):\n%s", diff)
	}
	if diff := cmp.Diff(bare.header, hooked.header); diff != "" {
		t.Errorf("the hook changes the header (- without, + with):\n%s", diff)
	}
	if diff := cmp.Diff(bare.trailer, hooked.trailer); diff != "" {
		t.Errorf("the hook changes the trailer (- without, + with):\n%s", diff)
	}
}

// arrived fails the test unless the runtime has seen exactly these calls.
func arrived(t *testing.T, got []received, want ...received) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(received{})); diff != "" {
		t.Errorf("the runtime has seen other calls (- want, + got):\n%s", diff)
	}
}

// What goes through a hook comes out as it went in, in both directions, and the
// log manager has the facts by then.
func TestSuccess(t *testing.T) {
	forEachHook(t, func(t *testing.T, h hooked, method string) {
		response := foreign(t, h.response)
		b := newBed(t, func(context.Context, string, []byte) ([]byte, error) { return response, nil })
		request := foreign(t, h.request)

		with := call(t.Context(), b.client, method, request)
		arrived(t, b.upstream.take(), received{method, request})
		without := call(t.Context(), b.bare, method, request)
		same(t, with, without)
		if with.err != nil || !bytes.Equal(with.response, response) {
			t.Errorf("answer %q, %v, want %q", with.response, with.err, response)
		}
		b.stop()
		told(t, b.logs.take(), h.success)
		failures(t, b, nil)
	})
}

// An error arrives with code, message and details, and what has not happened is
// not told.
func TestRefusal(t *testing.T) {
	forEachHook(t, func(t *testing.T, h hooked, method string) {
		refusal, err := status.New(codes.FailedPrecondition, "no, because of ünïcödé").
			WithDetails(&errdetails.ErrorInfo{Reason: "because", Domain: "runtime"})
		if err != nil {
			t.Fatal(err)
		}
		b := newBed(t, func(context.Context, string, []byte) ([]byte, error) { return nil, refusal.Err() })
		request := foreign(t, h.request)

		with := call(t.Context(), b.client, method, request)
		arrived(t, b.upstream.take(), received{method, request})
		same(t, with, call(t.Context(), b.bare, method, request))
		if status.Code(with.err) != codes.FailedPrecondition {
			t.Errorf("error %v, want the runtime's", with.err)
		}
		b.stop()
		told(t, b.logs.take(), h.failure)
		failures(t, b, nil)
	})
}

// Methods that merely look like those with a hook have none.
func TestOtherMethods(t *testing.T) {
	b := newBed(t, func(_ context.Context, _ string, request []byte) ([]byte, error) { return request, nil })
	for _, method := range []string{
		"/runtime.v1.RuntimeService/Version",
		"/runtime.v1.RuntimeService/CreateContainers",
		"/runtime.v1.ImageService/StopContainer",
		"/runtime.v1.OtherService/RemoveContainer",
	} {
		got := call(t.Context(), b.client, method, undecodable)
		if got.err != nil || !bytes.Equal(got.response, undecodable) {
			t.Errorf("%s: answer %q, %v, want %q", method, got.response, got.err, undecodable)
		}
	}
	b.stop()
	told(t, b.logs.take(), nil)
	failures(t, b, nil)
}

func told(t *testing.T, got, want []fact) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(fact{})); diff != "" {
		t.Errorf("the log manager was told something else (- want, + got):\n%s", diff)
	}
}

// failures fails the test unless exactly these failures of hooks are counted,
// by "method step".
func failures(t *testing.T, b *bed, want map[string]float64) {
	t.Helper()
	families, err := b.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "cri_logshim_hook_failures_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			if n := m.GetCounter().GetValue(); n > 0 {
				got[m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()] = n
			}
		}
	}
	if want == nil {
		want = map[string]float64{}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("other failures are counted (- want, + got):\n%s", diff)
	}
}
