package docker

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/criruntime"
)

// answering answers every request with the same status and bytes.
type answering struct {
	code int
	body []byte
}

func (a answering) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.code, Status: "as scripted", Body: io.NopCloser(bytes.NewReader(a.body))}, nil
}

// Whatever bytes an engine answers with, they make an error of one line or a file that a
// link may lead to, and never output at the log path.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		inspection("/data/containers/c/c-json.log", "json-file", map[string]string{"max-size": "10m", "max-file": "3"}),
		inspection("", "journald", nil), inspection("a/b", "", nil), inspection("/a\x00b", "json-file", nil),
		`{"message":"No such container: c"}`, `{"DockerRootDir": "/data"}`, "", "null", `{"Id": 7}`,
	} {
		f.Add(200, []byte(seed))
		f.Add(404, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, code int, body []byte) {
		conn := &fakeCRI{}
		conn.call("docker")
		r := New(criruntime.New(conn), "unix:///none", quiet())
		r.engine.client.Transport = answering{code, body}
		r.root = "/none"
		to, err := r.Redirect(t.Context(), id)
		switch {
		case err != nil && (to != logmgr.Redirection{Elsewhere: true} || strings.Contains(err.Error(), "\n")):
			t.Errorf("%+v with the error %q", to, err)
		case errors.Is(err, logmgr.ErrNotFound) && code != http.StatusNotFound:
			t.Errorf("status %d: %v", code, err)
		case err == nil && (!to.Elsewhere || to.Path != "" && !filepath.IsAbs(to.Path) || strings.ContainsRune(to.Path, 0) || to.MaxSize < 0 || to.MaxFiles < 0):
			t.Errorf("%+v", to)
		}
	})
}
