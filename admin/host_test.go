package admin_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/admin"
)

// A web page that leads its own name to the port of an operator asks by that name, and must not be
// told anything.
func TestOnlyOwnNamesAreAnswered(t *testing.T) {
	h := admin.ForOperators(options(nil, "a secret reason"))
	for host, want := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LocalHost": true, "localhost.": true, "node-3.localhost:8080": true,
		"127.0.0.1": true, "127.0.0.1:8080": true, "[::1]": true, "[::1]:8080": true, "10.1.2.3:8080": true,
		"": false, "example.com": false, "example.com:8080": false, "localhost.example.com": false, "notlocalhost": false, "node": false,
		"127.0.0.1.example.com": false, "0x7f.1": false, "localhost:8080:8080": false, "example.com:127.0.0.1": false,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if told := strings.Contains(w.Body.String(), "secret"); told != want || (!want && w.Code != http.StatusMisdirectedRequest) {
			t.Errorf("asked as %q: answered %d %q", host, w.Code, w.Body)
		}
	}
}

// Whatever is answered names this machine to a browser too: one that would take the name for another
// would let a page of that name read the answer.
func FuzzHost(f *testing.F) {
	for _, host := range []string{"localhost:8080", "[::1]:80", "127.0.0.1", "a.localhost", "example.com", "127.0.0.1@example.com", "localhost/x", "[fe80::1%25eth0]"} {
		f.Add(host)
	}
	h := admin.ForOperators(options(nil, "a secret reason"))
	f.Fuzz(func(t *testing.T, host string) {
		r := asked(t, http.MethodGet, "/readyz")
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code == http.StatusMisdirectedRequest {
			return
		}
		seen, err := url.Parse("http://" + host + "/")
		if err != nil {
			return // a browser cannot get there
		}
		name := strings.ToLower(strings.TrimSuffix(seen.Hostname(), "."))
		if _, err := netip.ParseAddr(name); err != nil && name != "localhost" && !strings.HasSuffix(name, ".localhost") {
			t.Errorf("asked as %q, which is %q to a browser, it answered %q", host, name, w.Body)
		}
	})
}

// The page is what is at /, with its files, and takes nothing from what else is answered.
func TestPageIsAtTheRoot(t *testing.T) {
	o := options(nil)
	o.Page = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("the page")) })
	for path, want := range map[string]bool{"/": true, "/page/main.js": true, "/healthz": false, "/other": false, "/page": false} {
		for name, h := range map[string]http.Handler{"operators": admin.ForOperators(o), "monitoring": admin.ForMonitoring(o)} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, asked(t, http.MethodGet, path))
			if got := w.Body.String() == "the page"; got != (want && name == "operators") {
				t.Errorf("%s, for %s: answered %d %q", path, name, w.Code, w.Body)
			}
		}
	}
}

// asked is a request as an operator makes it.
func asked(t *testing.T, method, path string) *http.Request {
	t.Helper()
	return httptest.NewRequestWithContext(t.Context(), method, "http://localhost"+path, nil)
}
