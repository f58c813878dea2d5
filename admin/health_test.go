package admin_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cri-logshim/cri-logshim/admin"
)

// Every check has its line and says all that is wrong with it in that one, whatever the names of
// others have in them: a line more would be a check that there is not, and a terminal would act on
// an escape.
func TestVerboseChecks(t *testing.T) {
	for name, test := range map[string]struct {
		options admin.Options
		path    string
		code    int
		want    string
	}{
		"alive":     {options(nil, "disk"), "/healthz?verbose", 200, "[+]cri ok\n[+]logs ok\nhealthz check passed\n"},
		"not alive": {options(errors.New("no beat")), "/healthz?verbose=1", 503, "[+]cri ok\n[-]logs failed: no beat\nhealthz check failed\n"},
		"ready":     {options(nil), "/readyz?verbose", 200, "[+]runtime ok\n[+]logs ok\nreadyz check passed\n"},
		"not ready": {options(nil, "disk", "list"), "/readyz?verbose", 503, "[+]runtime ok\n[-]logs failed: disk; list\nreadyz check failed\n"},
		"hostile":   {options(nil, "file a\n[+]logs ok\x1b[2J"), "/readyz?verbose", 503, "[+]runtime ok\n[-]logs failed: file a^J[+]logs ok^[[2J\nreadyz check failed\n"},
		"in short":  {options(nil, "file a\nok\x1b[2J", "list"), "/readyz", 503, "file a^Jok^[[2J\nlist\n"},
		"no checks": {admin.Options{}, "/readyz?verbose", 200, "readyz check passed\n"},
		"quiet":     {options(nil), "/readyz?loud", 200, "ok\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.options.Metrics == nil {
				test.options.Metrics = options(nil).Metrics
			}
			w := httptest.NewRecorder()
			admin.ForOperators(test.options).ServeHTTP(w, asked(t, http.MethodGet, test.path))
			if w.Code != test.code || w.Body.String() != test.want {
				t.Errorf("answered %d %q, want %d %q", w.Code, w.Body, test.code, test.want)
			}
		})
	}
}
