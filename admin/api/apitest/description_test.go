package apitest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cri-logshim/cri-logshim/admin/api/apitest"
)

func header(kind string) http.Header { return http.Header{"Content-Type": {kind}} }

// What is not described is found: a type, a field, null, a value or a status that there is not. Who
// looks for nothing would find every answer in order.
func TestAnswer(t *testing.T) {
	d, err := apitest.Read()
	if err != nil {
		t.Fatal(err)
	}
	const problem, plain = "application/problem+json", "application/json"
	event := func(level, when string) string {
		return `{"events":[{"sequence":1,"time":"` + when + `","level":"` + level + `","message":"m","count":1}],"next":1,"lost":false}`
	}
	for name, test := range map[string]struct {
		method, path string
		code         int
		kind, body   string
		right        bool
	}{
		"none":             {"GET", "/v1/events", 200, plain, `{"events":[],"next":0,"lost":false}`, true},
		"an event":         {"GET", "/v1/events", 200, plain, event("info", "2026-01-02T03:04:05.123456789Z"), true},
		"a problem":        {"POST", "/v1/rotate", 404, problem, `{"status":404,"title":"Not Found"}`, true},
		"null for a list":  {"GET", "/v1/events", 200, plain, `{"events":null,"next":0,"lost":false}`, false},
		"a field less":     {"GET", "/v1/events", 200, plain, `{"events":[],"next":0}`, false},
		"a field more":     {"GET", "/v1/events", 200, plain, `{"events":[],"next":0,"lost":false,"path":"/etc"}`, false},
		"no such value":    {"GET", "/v1/events", 200, plain, event("fatal", "2026-01-02T03:04:05Z"), false},
		"no time":          {"GET", "/v1/events", 200, plain, event("info", "yesterday"), false},
		"another type":     {"GET", "/v1/events", 200, "text/plain; charset=utf-8", `{"events":[],"next":0,"lost":false}`, false},
		"no type":          {"GET", "/v1/events", 200, "", `{"events":[],"next":0,"lost":false}`, false},
		"no JSON":          {"GET", "/v1/events", 200, plain, `ok`, false},
		"success, refused": {"POST", "/v1/rotate", 409, plain, `{"rotated":true,"bytes":1}`, false},
		"refused, success": {"POST", "/v1/rotate", 200, problem, `{"status":200,"title":"OK"}`, false},
		"no such method":   {"POST", "/v1/events", 405, problem, `{"status":405,"title":"Method Not Allowed"}`, false},
		"no such path":     {"GET", "/v1/other", 404, problem, `{"status":404,"title":"Not Found"}`, false},
	} {
		if err := d.Answer(test.method, test.path, test.code, header(test.kind), []byte(test.body)); (err == nil) != test.right {
			t.Errorf("%s: found %v", name, err)
		}
	}
}

// The same for questions.
func TestQuestion(t *testing.T) {
	d, err := apitest.Read()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		method, target, kind, body string
		right                      bool
	}{
		"events":        {"GET", "/v1/events?since=3&wait=5", "", "", true},
		"rotate":        {"POST", "/v1/rotate", "application/json", `{"id":"a"}`, true},
		"misspelt":      {"GET", "/v1/events?from=3", "", "", false},
		"a body":        {"GET", "/v1/node", "application/json", "{}", false},
		"no id":         {"POST", "/v1/rotate", "application/json", `{}`, false},
		"a path":        {"POST", "/v1/rotate", "application/json", `{"id":"a","path":"/"}`, false},
		"a form":        {"POST", "/v1/rotate", "text/plain", `{"id":"a"}`, false},
		"no such thing": {"DELETE", "/v1/logs", "", "", false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), test.method, test.target, nil)
		r.Header = header(test.kind)
		if err := d.Question(r, []byte(test.body)); (err == nil) != test.right {
			t.Errorf("%s: found %v", name, err)
		}
	}
}
