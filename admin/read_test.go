package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/admin"
	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/admin/page/pagetest"
)

// mute is a daemon that cannot tell anything.
type mute struct{}

func (mute) Node(context.Context) (api.Node, error) { return api.Node{}, errors.New("no \"beat\"") }
func (mute) Logs(context.Context) (api.LogList, error) {
	return api.LogList{}, errors.New("no beat")
}

func withAPI(f admin.Facts) (admin.Options, *admin.Events) {
	o := options(nil)
	o.Facts, o.Events = f, admin.NewEvents()
	return o, o.Events
}

func TestAPIAnswers(t *testing.T) {
	o, _ := withAPI(pagetest.Sample())
	failing, _ := withAPI(mute{})
	tests := map[string]struct {
		options admin.Options
		method  string
		path    string
		code    int
		kind    string
		body    string
	}{
		"node":           {o, "GET", "/v1/node", 200, "application/json", `"host":"worker-3"`},
		"logs":           {o, "GET", "/v1/logs", 200, "application/json", `"pod":"render-frames-7xk2p"`},
		"events":         {o, "GET", "/v1/events", 200, "application/json", `{"events":[],"next":0,"lost":false}`},
		"no wait":        {o, "GET", "/v1/events?since=0&wait=0", 200, "application/json", `"next":0`},
		"bad since":      {o, "GET", "/v1/events?since=-1", 400, "application/problem+json", `since: \"-1\" is no sequence number`},
		"bad wait":       {o, "GET", "/v1/events?wait=1h", 400, "application/problem+json", `wait: \"1h\" is no number of seconds`},
		"mute, node":     {failing, "GET", "/v1/node", 503, "application/problem+json", `"detail":"no \"beat\""`},
		"mute, logs":     {failing, "GET", "/v1/logs", 503, "application/problem+json", `"title":"Service Unavailable"`},
		"reads only":     {o, "POST", "/v1/node", 405, "application/problem+json", `"detail":"/v1/node takes GET, HEAD, and not POST"`},
		"no API":         {options(nil), "GET", "/v1/node", 404, "application/problem+json", `"detail":"there is no /v1/node; /openapi.yaml tells what there is"`},
		"not everything": {o, "GET", "/v1/node/x", 404, "application/problem+json", ""},
		"an escape":      {o, "GET", "/v1/%1b%5b2J", 404, "application/problem+json", `\u001b[2J`},
		"a page":         {o, "GET", "/v2/node", 404, "text/plain; charset=utf-8", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			admin.ForOperators(test.options).ServeHTTP(w, asked(t, test.method, test.path))
			if w.Code != test.code || !strings.Contains(w.Body.String(), test.body) || (test.kind != "" && w.Header().Get("Content-Type") != test.kind) {
				t.Errorf("answered %d %v %q", w.Code, w.Header(), w.Body)
			}
			if strings.HasSuffix(test.kind, "json") && !json.Valid(w.Body.Bytes()) {
				t.Errorf("%q is no JSON", w.Body)
			}
			w = httptest.NewRecorder()
			admin.ForMonitoring(test.options).ServeHTTP(w, asked(t, test.method, test.path))
			if w.Code != http.StatusNotFound {
				t.Errorf("for monitoring it is answered with %d %q", w.Code, w.Body)
			}
		})
	}
}

// The end of the daemon is not held up by those who wait for events.
func TestEndDoesNotWaitForEvents(t *testing.T) {
	o, events := withAPI(pagetest.Sample())
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	handler := admin.ForOperators(o)
	arrived := make(chan struct{}, 1)
	go func() {
		ended <- admin.Serve(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			arrived <- struct{}{}
			handler.ServeHTTP(w, r)
		}), o.Log, l)
	}()
	answered := make(chan error, 1)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	go func() {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String()+"/v1/events?wait=60", nil)
		if err == nil {
			var answer *http.Response
			if answer, err = client.Do(r); err == nil {
				err = answer.Body.Close()
			}
		}
		answered <- err
	}()
	<-arrived
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the server has ended with %v", err)
	}
	if err := <-answered; err != nil {
		t.Errorf("the question was answered with %v", err)
	}
	if list := events.After(cancelled(t), 0); len(list.Events) > 0 {
		t.Errorf("there are events: %+v", list)
	}
}

func FuzzEventQuestion(f *testing.F) {
	for _, query := range []string{"since=1&wait=0", "since=-1", "wait=99999999999", "since=18446744073709551615", "since=1&since=x", "%zz", "wait=0x10"} {
		f.Add(query)
	}
	o, _ := withAPI(pagetest.Sample())
	h := admin.ForOperators(o)
	f.Fuzz(func(t *testing.T, query string) {
		r := asked(t, http.MethodGet, "/v1/events")
		r.URL.RawQuery = query
		r = r.WithContext(cancelled(t)) // whoever waits has gone
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%q: answered %d %q", query, w.Code, w.Body)
		}
	})
}
