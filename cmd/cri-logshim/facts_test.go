package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/admin/api/apitest"
	"github.com/cri-logshim/cri-logshim/config"
)

func nodeOf(t *testing.T, p *place) (n api.Node) {
	t.Helper()
	code, body := get(t, p, api.PathNode)
	if code != http.StatusOK {
		t.Fatalf("%s: %d %q", api.PathNode, code, body)
	}
	if err := json.Unmarshal([]byte(body), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// The admin socket tells how the daemon is in each mode, with a runtime and without one: the same as
// API and as a page.
func TestFacts(t *testing.T) {
	t.Parallel()
	for _, mode := range []config.Mode{config.ModeProxy, config.ModeManage, config.ModeObserve} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.config.Mode = mode
			p.config.Node.MaxBytes = 1 << 30
			d := p.serve(t, extras{})
			eventually(t, "answering", func() bool { code, _ := get(t, p, "/healthz"); return code != 0 })
			eventually(t, "telling that there is no runtime", func() bool {
				n := nodeOf(t, p)
				return n.Runtime.State != "ready" && n.Runtime.Name == "" && len(n.Reasons) > 0
			})
			newFakeRuntime().serve(t, p.config.RuntimeEndpoint)
			eventually(t, "telling of the runtime", func() bool { return nodeOf(t, p).Runtime.State == "ready" })
			n := nodeOf(t, p)
			if n.Runtime.Name != "fake" || n.Mode != string(mode) || n.PID <= 0 || n.Started.After(n.Time) || n.Kubelet.Calls || n.Kubelet.Rotates || n.Logs != 0 {
				t.Errorf("it tells %+v", n)
			}
			works(t, p)
			if n := nodeOf(t, p); n.Kubelet.Calls != (mode == config.ModeProxy) {
				t.Errorf("after a call it tells that calls come: %v", n.Kubelet.Calls)
			}
			described(t, p)
			if code, body := get(t, p, api.PathEvents); code != http.StatusOK || !strings.Contains(body, `"reason":"Serving"`) {
				t.Errorf("events: %d %q", code, body)
			}
			if code, body := get(t, p, api.PathLogs); code != http.StatusOK || !strings.Contains(body, `"logs":[]`) {
				t.Errorf("logs: %d %q", code, body)
			}
			if code, body := get(t, p, "/"); code != http.StatusOK || !strings.Contains(body, "mode "+string(mode)) || !strings.Contains(body, "page/main.js") {
				t.Errorf("the page: %d %q", code, body)
			}
			d.end(t)
		})
	}
}

// described wants what the daemon answers to be what the API's description has: one that was made from
// what is shown in tests would not notice a null, or a word, that only the daemon says.
func described(t *testing.T, p *place) {
	t.Helper()
	description, err := apitest.Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{api.PathNode, api.PathLogs, api.PathEvents} {
		code, body := get(t, p, path)
		if code != http.StatusOK {
			t.Errorf("%s: %d %q", path, code, body)
		}
		if err := description.Answer(http.MethodGet, path, code, http.Header{"Content-Type": {"application/json"}}, []byte(body)); err != nil {
			t.Error(err)
		}
	}
}
