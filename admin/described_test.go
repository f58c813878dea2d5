package admin_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/admin"
	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/admin/api/apitest"
	"github.com/cri-logshim/cri-logshim/admin/page/pagetest"
	"github.com/cri-logshim/cri-logshim/event"
)

// nothing is a node without logs.
type nothing struct{ mute }

func (nothing) Logs(context.Context) (api.LogList, error) { return api.LogList{Logs: []api.Log{}}, nil }

// Every answer of the API, be it a success or a problem, is one that its description has: clients
// that are made from that would fail on any other.
func TestAnswersAreDescribed(t *testing.T) {
	d, err := apitest.Read()
	if err != nil {
		t.Fatal(err)
	}
	log, events := eventLog()
	event.WorkFailed.On(log).WithField(event.FieldNamespace, "shop").WithField(event.FieldPod, "web").WithField(event.FieldContainer, "app").Warn("cannot compress")
	log.Error("no reason")
	event.Serving.On(log).Info("serving")
	full, _ := withAPI(pagetest.Sample())
	full.Events = events
	empty, _ := withAPI(nothing{})
	failing, _ := withAPI(mute{})
	for name, test := range map[string]struct {
		options      admin.Options
		method       string
		target       string
		body, kind   string
		host, origin string
		code         int
	}{
		"node":          {full, "GET", "/v1/node", "", "", "", "", 200},
		"logs":          {full, "GET", "/v1/logs", "", "", "", "", 200},
		"events":        {full, "GET", "/v1/events", "", "", "", "", 200},
		"events, lost":  {full, "GET", "/v1/events?since=99", "", "", "", "", 200},
		"no logs":       {empty, "GET", "/v1/logs", "", "", "", "", 200},
		"no events":     {empty, "GET", "/v1/events", "", "", "", "", 200},
		"bad since":     {full, "GET", "/v1/events?since=x", "", "", "", "", 400},
		"bad wait":      {full, "GET", "/v1/events?wait=x", "", "", "", "", 400},
		"mute, node":    {failing, "GET", "/v1/node", "", "", "", "", 503},
		"mute, logs":    {failing, "GET", "/v1/logs", "", "", "", "", 503},
		"another name":  {full, "GET", "/v1/node", "", "", "example.com", "", 421},
		"rotate":        {full, "POST", "/v1/rotate", `{"id":"a"}`, "application/json", "", "", 200},
		"gone":          {full, "POST", "/v1/rotate", `{"id":"gone"}`, "application/json", "", "", 404},
		"slow":          {full, "POST", "/v1/rotate", `{"id":"slow"}`, "application/json", "", "", 504},
		"no id":         {full, "POST", "/v1/rotate", `{}`, "application/json", "", "", 400},
		"prune":         {full, "POST", "/v1/prune", `{"dryRun":true,"kept":true}`, "application/json", "", "", 200},
		"prune nothing": {empty, "POST", "/v1/prune", `{}`, "application/json", "", "", 200},
		"misspelt":      {full, "POST", "/v1/prune", `{"dry":true}`, "application/json", "", "", 400},
		"no JSON":       {full, "POST", "/v1/prune", "\xff", "application/json", "", "", 400},
		"too long":      {full, "POST", "/v1/prune", strings.Repeat(" ", 1<<17), "application/json", "", "", 413},
		"a web page":    {full, "POST", "/v1/prune", `{}`, "application/json", "", "https://example.com", 403},
		"a form":        {full, "POST", "/v1/prune", `{}`, "text/plain", "", "", 415},
	} {
		t.Run(name, func(t *testing.T) {
			test.options.Worker = &worker{}
			r := httptest.NewRequestWithContext(t.Context(), test.method, "http://localhost"+test.target, strings.NewReader(test.body))
			r.Header.Set("Content-Type", test.kind)
			if test.host != "" {
				r.Host = test.host
			}
			if test.origin != "" {
				r.Header.Set("Origin", test.origin)
			}
			w := httptest.NewRecorder()
			admin.ForOperators(test.options).ServeHTTP(w, r)
			if w.Code != test.code {
				t.Errorf("answered %d %q, want %d", w.Code, w.Body, test.code)
			}
			if err := d.Answer(test.method, r.URL.Path, w.Code, w.Header(), w.Body.Bytes()); err != nil {
				t.Error(err)
			}
		})
	}
}
