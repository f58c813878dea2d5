package admin_test

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cri-logshim/cri-logshim/admin"
	"github.com/cri-logshim/cri-logshim/admin/page/pagetest"
)

// statusz tells who serves, since when, and which paths there are: each that is named answers, and
// what is off is not named.
func TestStatusz(t *testing.T) {
	full, _ := withAPI(pagetest.Sample())
	full.Worker, full.Profiles = &worker{}, true
	full.Page = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for name, test := range map[string]struct {
		options admin.Options
		paths   string
	}{
		"all": {full, "/ /debug/pprof/ /debug/pprof/cmdline /debug/pprof/profile /debug/pprof/symbol /debug/pprof/trace " +
			"/healthz /metrics /openapi.yaml /page/ /readyz /status /statusz /v1/events /v1/logs /v1/node /v1/prune /v1/rotate"},
		"little": {options(nil), "/healthz /metrics /readyz /status /statusz"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test.options.About = admin.About{Program: "cri-logshim", Version: "v1.2.3", Mode: "proxy", Started: time.Now()}
				served := admin.ForOperators(test.options)
				time.Sleep(26*time.Hour + 3*time.Minute + 9*time.Second + time.Millisecond)
				w := httptest.NewRecorder()
				served.ServeHTTP(w, asked(t, http.MethodGet, "/statusz"))
				want := "Started: 2000-01-01T00:00:00Z\nUp: 26 hr 03 min 09 sec\nGo version: " + runtime.Version() +
					"\nBinary version: v1.2.3\nMode: proxy\nPaths: " + test.paths + "\n"
				if body := w.Body.String(); w.Code != http.StatusOK || !strings.HasPrefix(body, "cri-logshim statusz\n") || !strings.HasSuffix(body, "\n\n"+want) {
					t.Errorf("answered %d %q, want %q at its end", w.Code, body, want)
				}
			})
			for path := range strings.FieldsSeq(test.paths) {
				w := httptest.NewRecorder()
				if strings.HasPrefix(path, "/debug/pprof/") && path != "/debug/pprof/" {
					continue // they take their time
				}
				admin.ForOperators(test.options).ServeHTTP(w, asked(t, http.MethodGet, path))
				if w.Code == http.StatusNotFound {
					t.Errorf("%s is named and answered with %d", path, w.Code)
				}
			}
		})
	}
}
