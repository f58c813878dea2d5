package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/admin/api/apitest"
	"github.com/cri-logshim/cri-logshim/admin/client"
	"github.com/cri-logshim/cri-logshim/exitcode"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// socket has a handler answer on a socket.
func socket(t *testing.T, handler http.Handler) (endpoint string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.sock")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}}
	server.Start()
	t.Cleanup(server.Close)
	return "unix://" + path
}

// to is a client of an endpoint.
func to(t *testing.T, endpoint string) *client.Client {
	t.Helper()
	c, err := client.New(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// said answers everything with the same.
func said(code int, kind, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	})
}

// What is no endpoint is a wrong usage at once, and says what one looks like: it must not be asked for later as
// if a daemon were away.
func TestNewRefuses(t *testing.T) {
	for _, endpoint := range []string{
		"/run/a.sock", "unix://", "unix://a.sock", "unix:/run/a.sock", "localhost:80", "http://", "http:///v1", "http://h/v1/node", "http://h?x=1", "ftp://h", "http://h:port", "https://[::1",
	} {
		if _, err := client.New(endpoint); exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), "must be unix:///path/to/socket") {
			t.Errorf("%q: %d, %v", endpoint, exitcode.Of(err), err)
		}
	}
	if _, err := client.New(""); err == nil || !strings.Contains(err.Error(), "set it in the configuration") {
		t.Errorf("an endpoint that is off: %v", err)
	}
	for _, endpoint := range []string{"unix:///run/a.sock", "http://127.0.0.1:80", "https://h/", "http://[::1]:8080"} {
		if _, err := client.New(endpoint); err != nil {
			t.Error(err)
		}
	}
}

// What is asked is asked as the API's description has it, and read whole.
func TestQuestionsAreDescribed(t *testing.T) {
	d, err := apitest.Read()
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string]string{
		api.PathNode: `{"host":"h"}`, api.PathLogs: `{"logs":[{"pod":"p"}]}`,
		api.PathRotate: `{"file":"0.log.1"}`, api.PathPrune: `{"bytes":5,"later":"a field of a later version"}`,
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = d.Question(r, body)
		}
		if err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, answers[r.URL.Path])
	})
	plain := httptest.NewServer(handler)
	defer plain.Close()
	for _, endpoint := range []string{socket(t, handler), plain.URL} {
		c := to(t, endpoint)
		node, err := c.Node(t.Context())
		if err != nil || node.Host != "h" {
			t.Errorf("node: %+v, %v", node, err)
		}
		logs, err := c.Logs(t.Context())
		if err != nil || len(logs.Logs) != 1 || logs.Logs[0].Pod != "p" {
			t.Errorf("logs: %+v, %v", logs, err)
		}
		rotated, err := c.Rotate(t.Context(), "abc")
		if err != nil || rotated.File != "0.log.1" {
			t.Errorf("rotate: %+v, %v", rotated, err)
		}
		pruned, err := c.Prune(t.Context(), api.PruneRequest{DryRun: true})
		if err != nil || pruned.Bytes != 5 {
			t.Errorf("prune: %+v, %v", pruned, err)
		}
	}
}

// Each way not to be answered says what to do about it, and has its exit code.
func TestErrorsSayWhatToDo(t *testing.T) {
	dir := t.TempDir()
	encrypted := httptest.NewTLSServer(said(200, "application/json", "{}"))
	defer encrypted.Close()
	deserted := filepath.Join(dir, "deserted.sock")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", deserted)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	const problem = "application/problem+json"
	for name, test := range map[string]struct {
		endpoint string
		code     exitcode.Code
		want     string
	}{
		"no socket":     {"unix://" + filepath.Join(dir, "none.sock"), exitcode.Unreachable, "there is no such socket; is cri-logshim running?"},
		"deserted":      {"unix://" + deserted, exitcode.Unreachable, "nobody listens there; is cri-logshim running?"},
		"no HTTP":       {"unix://" + babbler(t), exitcode.Unreachable, "is that cri-logshim's admin.listen?"},
		"not trusted":   {encrypted.URL, exitcode.Unreachable, "SSL_CERT_FILE can name"},
		"not encrypted": {strings.Replace(encrypted.URL, "https:", "http:", 1), exitcode.Failed, "the daemon answers 400 Bad Request"},
		"problem":       {socket(t, said(409, problem, `{"status":409,"title":"Conflict","detail":"the log is empty"}`)), exitcode.Failed, "the daemon refuses: Conflict: the log is empty"},
		"no detail":     {socket(t, said(503, problem, `{"status":503,"title":"Service Unavailable"}`)), exitcode.Failed, "the daemon refuses: Service Unavailable"},
		"not found":     {socket(t, said(404, problem, `{"status":404,"title":"Not Found","detail":"no such container"}`)), exitcode.NotFound, "no such container"},
		"older":         {socket(t, said(404, "text/plain", "404 page not found\n")), exitcode.Failed, "is it older than this command?"},
		"no problem":    {socket(t, said(500, "application/json", "{}")), exitcode.Failed, "is it older than this command?"},
		"no JSON":       {socket(t, said(200, "text/html", "<html>")), exitcode.Failed, "that is not cri-logshim's admin.listen"},
		"cut off":       {socket(t, said(200, "application/json", `{"host":`)), exitcode.Failed, "ask again"},
		"another type":  {socket(t, said(200, "application/json", `[]`)), exitcode.Failed, "that is not cri-logshim's admin.listen"},
	} {
		t.Run(name, func(t *testing.T) {
			c := to(t, test.endpoint)
			if _, err := c.Node(t.Context()); exitcode.Of(err) != test.code || !strings.Contains(err.Error(), test.want) {
				t.Errorf("ends with %d: %v", exitcode.Of(err), err)
			}
		})
	}
}

// babbler is a socket that answers whoever comes as a gRPC server does: with HTTP/2.
func babbler(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "cri.sock")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1))
			_, _ = conn.Write([]byte("\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x40\x00"))
			_ = conn.Close()
		}
	}()
	return name
}

// Who does not wait any longer is told that there was no answer, by exit code too, and who has ended the
// question can see that it was so.
func TestNoAnswerInTime(t *testing.T) {
	asked, end := make(chan struct{}, 1), make(chan struct{})
	c := to(t, socket(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-end
	})))
	defer close(end)
	ctx, cancel := context.WithDeadlineCause(t.Context(), time.Now(), nil)
	defer cancel()
	if _, err := c.Node(ctx); exitcode.Of(err) != exitcode.Unreachable || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("ends with %d: %v", exitcode.Of(err), err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := c.Node(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended question ends with %v", err)
	}
}
