package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/config"
)

// get asks the daemon's admin socket.
func get(t *testing.T, p *place, path string) (code int, body string) {
	t.Helper()
	return getFrom(t, p.config.Admin.Listen, path)
}

func getFrom(t *testing.T, endpoint, path string) (code int, body string) {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socketOf(endpoint))
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return 0, err.Error()
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// metric returns the value of a metric, with its labels as they are printed;
// empty when there is none.
func metric(t *testing.T, p *place, name string) string {
	t.Helper()
	_, body := get(t, p, "/metrics")
	for line := range strings.Lines(body) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// The daemon is alive whether or not there is a runtime, and ready only while
// there is one. It serves from the start, and a runtime that comes is noticed
// without anybody asking for it, also the second time.
func TestReadiness(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	d := p.serve(t, extras{})
	ready := func(want int) func() bool {
		return func() bool {
			code, body := get(t, p, "/readyz")
			if code == http.StatusServiceUnavailable && !strings.Contains(body, p.config.RuntimeEndpoint) {
				t.Errorf("not ready without naming what is missing: %q", body)
			}
			return code == want
		}
	}
	for range 2 {
		eventually(t, "not being ready", ready(http.StatusServiceUnavailable))
		if _, body := get(t, p, "/readyz?verbose"); !strings.HasPrefix(body, "[-]runtime failed: no connection to the runtime at "+p.config.RuntimeEndpoint) || !strings.Contains(body, "\n[+]bypass ok\n") {
			t.Errorf("not ready without saying which check fails: %q", body)
		}
		if _, body := get(t, p, "/healthz?verbose"); body != "[+]cri ok\n[+]logs ok\nhealthz check passed\n" {
			t.Errorf("the checks of an idle daemon: %q", body)
		}
		if code, body := get(t, p, "/healthz"); code != http.StatusOK {
			t.Errorf("healthz: %d %q without a runtime", code, body)
		}
		conn := dial(t, p.config.Listen)
		if err := callVersion(t, conn); status.Code(err) != codes.Unavailable {
			t.Errorf("a call without a runtime: %v, want Unavailable", err)
		}
		stop := newFakeRuntime().serve(t, p.config.RuntimeEndpoint)
		eventually(t, "being ready", ready(http.StatusOK))
		if err := callVersion(t, conn); err != nil {
			t.Errorf("a call after being ready: %v", err)
		}
		stop()
	}
	d.end(t)
}

// What names pods and files is told on the admin socket only, and the address for
// metrics has the rest.
func TestMetricsAddress(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.config.Admin.Metrics = p.config.Admin.Listen + ".metrics"
	newFakeRuntime().serve(t, p.config.RuntimeEndpoint)
	d := p.serve(t, extras{})
	works(t, p)
	for path, want := range map[string][2]int{"/status": {200, 404}, "/statusz": {200, 404}, "/metrics": {200, 200}, "/healthz": {200, 200}} {
		for i, endpoint := range []string{p.config.Admin.Listen, p.config.Admin.Metrics} {
			if code, body := getFrom(t, endpoint, path); code != want[i] {
				t.Errorf("%s at %s: %d %q, want %d", path, endpoint, code, body, want[i])
			}
		}
	}
	d.end(t)
}

// Calls are counted by what they are. Names that a client invents make one
// series, however many there are.
func TestCallMetrics(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t), newFakeRuntime()
	f.serve(t, p.config.RuntimeEndpoint)
	d := p.serve(t, extras{})
	conn := works(t, p)
	for i := range 20 {
		for _, method := range []string{"/runtime.v1.RuntimeService/Invented%d", "/runtime.v1.Invented%d/Method", "/invented.Service/Method%d"} {
			err := conn.Invoke(t.Context(), fmt.Sprintf(method, i), &cri.VersionRequest{}, &cri.VersionResponse{})
			if status.Code(err) != codes.Unimplemented {
				t.Fatalf("%s: %v, want Unimplemented", method, err)
			}
		}
	}
	followed := following(t, f, conn)

	const version = `grpc_method="Version",grpc_service="runtime.v1.RuntimeService",grpc_type="unary"}`
	if got := metric(t, p, `grpc_server_handled_total{grpc_code="OK",`+version); got != "1" {
		t.Errorf("%q calls of Version are counted, want 1", got)
	}
	const unknown = `grpc_server_handled_total{grpc_code="Unimplemented",grpc_method="unknown",grpc_service="unknown",grpc_type="bidi_stream"}`
	if got := metric(t, p, unknown); got != "60" {
		t.Errorf("%q calls of unknown methods are counted, want 60", got)
	}
	const events = `grpc_server_started_total{grpc_method="GetContainerEvents",grpc_service="runtime.v1.RuntimeService",grpc_type="server_stream"}`
	if got := metric(t, p, events); got != "1" {
		t.Errorf("%q streams of events are counted, want 1", got)
	}
	if _, body := get(t, p, "/metrics"); strings.Contains(strings.ToLower(body), "invented") {
		t.Error("invented names are labels")
	}
	d.end(t)
	if err := receive(t, "the end of the stream", followed); status.Code(err) != codes.Unavailable {
		t.Errorf("the stream ends with %v, want Unavailable", err)
	}
}

// At level debug each call makes one line, which tells the method and the
// code; at level info none.
func TestDebugLog(t *testing.T) {
	t.Parallel()
	for _, level := range []config.LogLevel{config.LogDebug, config.LogInfo} {
		t.Run(string(level), func(t *testing.T) {
			t.Parallel()
			p, f := newPlace(t), newFakeRuntime()
			p.config.Log.Level = level
			f.serve(t, p.config.RuntimeEndpoint)
			d := p.serve(t, extras{})
			conn := works(t, p)
			client := cri.NewRuntimeServiceClient(conn)
			if _, err := client.ContainerStatus(t.Context(), &cri.ContainerStatusRequest{ContainerId: "one"}); err != nil {
				t.Fatal(err)
			}
			if _, err := client.CreateContainer(t.Context(), &cri.CreateContainerRequest{}); status.Code(err) != codes.Unimplemented {
				t.Fatalf("%v, want Unimplemented", err)
			}
			followed := following(t, f, conn)
			d.end(t)
			if err := receive(t, "the end of the stream", followed); status.Code(err) != codes.Unavailable {
				t.Errorf("the stream ends with %v, want Unavailable", err)
			}
			want := 0
			if level == config.LogDebug {
				want = 1
			}
			for _, words := range [][]string{
				{"grpc.method=ContainerStatus", "grpc.code=OK", "grpc.method_type=unary"},
				{"grpc.method=CreateContainer", "grpc.code=Unimplemented", "grpc.method_type=unary"},
				{"grpc.method=GetContainerEvents", "grpc.code=Unavailable", "grpc.method_type=server_stream"},
			} {
				if lines, all := d.said(words[0]), d.said(words...); len(lines) != want || len(all) != want {
					t.Errorf("%q: logged as %q, want %d lines with %q", level, lines, want, words)
				}
			}
		})
	}
}
