package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/admin"
	"github.com/cri-logshim/cri-logshim/admin/api"
)

// worker takes down what it is asked to do.
type worker struct{ did []string }

func (w *worker) Rotate(_ context.Context, id string) (api.RotateResult, error) {
	w.did = append(w.did, "rotate "+id)
	switch id {
	case "gone":
		return api.RotateResult{}, admin.Refusal{Status: http.StatusNotFound, Err: errors.New("no such container")}
	case "slow":
		return api.RotateResult{}, context.DeadlineExceeded
	}
	return api.RotateResult{Rotated: true, Bytes: 7, File: "0.log.1"}, nil
}

func (w *worker) Prune(_ context.Context, request api.PruneRequest) (api.PruneResult, error) {
	w.did = append(w.did, "prune")
	return api.PruneResult{DryRun: request.DryRun, Files: []api.PrunedFile{}}, nil
}

func post(t *testing.T, w *worker, path, body string, header map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	o := options(nil)
	o.Worker = w
	r := asked(t, http.MethodPost, path)
	posted := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	posted.Host = r.Host
	posted.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		posted.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	admin.ForOperators(o).ServeHTTP(answer, posted)
	return answer
}

// What is asked for in due form is done, and nothing else: not for a web page, and not what was
// misspelt, since prune without dryRun removes files.
func TestChanges(t *testing.T) {
	none := map[string]string{}
	for name, test := range map[string]struct {
		path, body string
		header     map[string]string
		code       int
		want       string
		done       bool
	}{
		"rotate":          {"/v1/rotate", `{"id":"abc"}`, none, 200, `{"rotated":true,"bytes":7,"file":"0.log.1"}`, true},
		"prune":           {"/v1/prune", `{"dryRun":true}`, none, 200, `{"dryRun":true,"files":[],"bytes":0}`, true},
		"with charset":    {"/v1/prune", `{}`, map[string]string{"Content-Type": "application/json; charset=utf-8"}, 200, `"dryRun":false`, true},
		"not found":       {"/v1/rotate", `{"id":"gone"}`, none, 404, "no such container", true},
		"slow":            {"/v1/rotate", `{"id":"slow"}`, none, 504, "Gateway Timeout", true},
		"no id":           {"/v1/rotate", `{}`, none, 400, "id: must be", false},
		"long id":         {"/v1/rotate", `{"id":"` + strings.Repeat("a", 300) + `"}`, none, 400, "id: must be", false},
		"misspelt":        {"/v1/prune", `{"dryrun2":true}`, none, 400, `"detail":"dryrun2: unknown field; known: dryRun, kept"`, false},
		"a string":        {"/v1/prune", `{"dryRun":"true"}`, none, 400, `"detail":"dryRun: must be true or false, and no string"`, false},
		"a number":        {"/v1/rotate", `{"id":7}`, none, 400, `"detail":"id: must be a string, and no number"`, false},
		"an array":        {"/v1/prune", `{"kept":[true]}`, none, 400, `"detail":"kept: must be true or false, and no array"`, false},
		"null in it":      {"/v1/prune", `{"dryRun":null}`, none, 400, `"detail":"dryRun: must be true or false, and not null"`, false},
		"another case":    {"/v1/prune", `{"DryRun":true}`, none, 400, `"detail":"DryRun: unknown field; known: dryRun, kept"`, false},
		"no JSON":         {"/v1/prune", `{"kept":yes}`, none, 400, `"detail":"the body must be one JSON object, and is none at byte 9"`, false},
		"cut off":         {"/v1/prune", `{"kept":true`, none, 400, `"detail":"the body must be one JSON object, and is none at byte 12"`, false},
		"a path":          {"/v1/rotate", `{"id":"a","path":"/etc"}`, none, 400, "unknown field", false},
		"two objects":     {"/v1/prune", `{}{}`, none, 400, "one JSON object", false},
		"null":            {"/v1/prune", `null`, none, 400, "one JSON object", false},
		"nothing":         {"/v1/prune", ``, none, 400, "one JSON object", false},
		"too long":        {"/v1/rotate", `{"id":"` + strings.Repeat(" ", 64<<10) + `"}`, none, 413, "65536 bytes at most", false},
		"a form":          {"/v1/prune", `{}`, map[string]string{"Content-Type": "text/plain"}, 415, "Content-Type", false},
		"another origin":  {"/v1/prune", `{}`, map[string]string{"Origin": "https://example.com"}, 403, "web page", false},
		"a page of ours":  {"/v1/prune", `{}`, map[string]string{"Origin": "http://localhost:8080"}, 403, "web page", false},
		"a browser":       {"/v1/prune", `{}`, map[string]string{"Sec-Fetch-Site": "none"}, 403, "web page", false},
		"no such path":    {"/v1/remove", `{}`, none, 404, "", false},
		"reading by POST": {"/v1/node", `{}`, none, 404, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			var w worker
			answer := post(t, &w, test.path, test.body, test.header)
			if answer.Code != test.code || !strings.Contains(answer.Body.String(), test.want) || (len(w.did) > 0) != test.done {
				t.Errorf("answered %d %q, and has done %q", answer.Code, answer.Body, w.did)
			}
		})
	}
}

// Profiles are there only where the operator wants them, and never for monitoring.
func TestProfiles(t *testing.T) {
	for _, wanted := range []bool{false, true} {
		o := options(nil)
		o.Profiles = wanted
		w := httptest.NewRecorder()
		admin.ForOperators(o).ServeHTTP(w, asked(t, http.MethodGet, "/debug/pprof/"))
		if (w.Code == http.StatusOK) != wanted {
			t.Errorf("wanted: %v, answered %d", wanted, w.Code)
		}
		w = httptest.NewRecorder()
		admin.ForMonitoring(o).ServeHTTP(w, asked(t, http.MethodGet, "/debug/pprof/"))
		if w.Code != http.StatusNotFound {
			t.Errorf("for monitoring: answered %d", w.Code)
		}
	}
}

// Whatever is sent, the answer is JSON, and only a request in due form is carried out.
func FuzzChanges(f *testing.F) {
	f.Add("/v1/rotate", `{"id":"a"}`)
	f.Add("/v1/prune", `{"dryRun":false,"kept":true}`)
	f.Add("/v1/prune", `{"dryRun":"x"}`)
	f.Add("/v1/rotate", "{\"id\":\"\xff\"}")
	f.Fuzz(func(t *testing.T, path, body string) {
		if path != api.PathRotate && path != api.PathPrune {
			path = api.PathPrune
		}
		var w worker
		answer := post(t, &w, path, body, nil)
		if !json.Valid(answer.Body.Bytes()) || (answer.Code == http.StatusBadRequest) == (len(w.did) > 0) && answer.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%q: answered %d %q, has done %q", body, answer.Code, answer.Body, w.did)
		}
	})
}
