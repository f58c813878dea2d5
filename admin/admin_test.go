package admin_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"github.com/cri-logshim/cri-logshim/admin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func options(alive error, trouble ...string) admin.Options {
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "example_total", Help: "An example."})
	registry.MustRegister(counter)
	counter.Add(7)
	log := logrus.New()
	log.SetOutput(io.Discard)
	return admin.Options{
		Alive:   []admin.Check{passing("cri"), failing("logs", alive)},
		Ready:   []admin.Check{passing("runtime"), {Name: "logs", Run: func(context.Context) []string { return trouble }}},
		Status:  func() any { return map[string]int{"example": 7} },
		Metrics: registry,
		Log:     log,
	}
}

func passing(name string) admin.Check { return failing(name, nil) }

func failing(name string, err error) admin.Check {
	return admin.Check{Name: name, Run: func(context.Context) []string {
		if err == nil {
			return nil
		}
		return []string{err.Error()}
	}}
}

func TestAnswers(t *testing.T) {
	tests := map[string]struct {
		options admin.Options
		method  string
		path    string
		code    int
		body    string // contained in the answer
	}{
		"alive":             {options(nil), "GET", "/healthz", 200, "ok\n"},
		"not alive":         {options(errors.New("no beat")), "GET", "/healthz", 503, "no beat\n"},
		"ready":             {options(nil), "GET", "/readyz", 200, "ok\n"},
		"alive but stuck":   {options(nil, "disk", "runtime"), "GET", "/healthz", 200, "ok\n"},
		"stuck":             {options(nil, "disk", "runtime"), "GET", "/readyz", 503, "disk\nruntime\n"},
		"metrics":           {options(nil), "GET", "/metrics", 200, "example_total 7\n"},
		"status":            {options(nil), "GET", "/status", 200, "\"example\": 7"},
		"nothing else":      {options(nil), "GET", "/debug/pprof/", 404, ""},
		"reading is enough": {options(nil), "POST", "/healthz", 405, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			admin.ForOperators(test.options).ServeHTTP(w, asked(t, test.method, test.path))
			if w.Code != test.code || !strings.Contains(w.Body.String(), test.body) {
				t.Errorf("answered %d %q, want %d with %q", w.Code, w.Body, test.code, test.body)
			}
		})
	}
}

// Whoever is not root learns how the daemon is, and nothing that names a pod.
func TestAnswersForMonitoring(t *testing.T) {
	const secret = "cannot rotate /var/log/pods/shop_web_1/app/0.log"
	o := options(nil, secret, "other")
	o.Status = func() any { return secret }
	for path, want := range map[string]struct {
		code int
		body string
	}{
		"/healthz": {200, "ok\n"},
		"/readyz":  {503, "reasons: 2; /readyz?verbose on admin.listen names them\n"},
		"/metrics": {200, "example_total 7\n"},
		"/status":  {404, ""},
		"/statusz": {404, ""},

		"/healthz?verbose": {200, "[+]cri ok\n[+]logs ok\nhealthz check passed\n"},
		"/readyz?verbose":  {503, "[+]runtime ok\n[-]logs failed: reasons: 2; /readyz?verbose on admin.listen names them\nreadyz check failed\n"},
	} {
		w := httptest.NewRecorder()
		admin.ForMonitoring(o).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if body := w.Body.String(); w.Code != want.code || !strings.Contains(body, want.body) || strings.Contains(body, secret) {
			t.Errorf("%s: answered %d %q, want %d with %q", path, w.Code, body, want.code, want.body)
		}
	}
	for _, path := range []string{"/healthz", "/healthz?verbose"} {
		w := httptest.NewRecorder()
		admin.ForMonitoring(options(errors.New(secret))).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if body := w.Body.String(); w.Code != 503 || !strings.Contains(body, "reasons: 1; /healthz?verbose on") || strings.Contains(body, secret) {
			t.Errorf("%s, not alive: answered %d %q", path, w.Code, body)
		}
	}
	w := httptest.NewRecorder()
	admin.ForMonitoring(options(nil)).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
	if w.Code != 200 || w.Body.String() != "ok\n" {
		t.Errorf("ready: answered %d %q", w.Code, w.Body)
	}
}

// Both listeners answer until the end is asked for, and then no goroutine and
// no listener is left.
func TestServeUntilDone(t *testing.T) {
	var listeners []net.Listener
	for range 2 {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, l)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- admin.Serve(ctx, admin.ForOperators(options(nil)), logrus.New(), listeners...) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(l net.Listener) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String()+"/healthz", nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	for _, l := range listeners {
		if err := get(l); err != nil {
			t.Error(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve returned %v", err)
	}
	for _, l := range listeners {
		if get(l) == nil {
			t.Errorf("%s answers after the end", l.Addr())
		}
	}
}
