package nodelogs_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cri-logshim/cri-logshim/logreader"
	"github.com/cri-logshim/cri-logshim/logreader/nodelogs"
	"github.com/cri-logshim/cri-logshim/logreader/nodelogs/nodelogstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const stem = "/0.log.20260101-000000.00000000"

func web() logreader.Container {
	return logreader.Container{Pod: logreader.Pod{Namespace: "shop", Name: "web-0", UID: "u1"}, Name: "app"}
}

// serve serves a folder as kubelet serves /var/log behind the API server.
func serve(t *testing.T, handler http.Handler) *nodelogs.Server {
	t.Helper()
	server := httptest.NewServer(http.StripPrefix("/api/v1/nodes/node-1/proxy/logs", handler))
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	s, err := nodelogs.NewServer(server.Client(), address, "node-1")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newSource(t *testing.T, server *nodelogs.Server) *nodelogs.Source {
	t.Helper()
	source, err := nodelogs.NewSource(server, nodelogs.DefaultPlaces())
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func record(n string) string {
	return "2026-01-01T00:00:00.00000000" + n + "Z stdout F line " + n + "\n"
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var w io.Writer = file
	if strings.HasSuffix(path, ".gz") {
		z := gzip.NewWriter(file)
		defer z.Close()
		w = z
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

// Kept, compressed, rotated and current files are one history, in order and each once. It finds a
// file that is read under both of its names, one that is forgotten, and a wrong order.
func TestHistory(t *testing.T) {
	dir := t.TempDir()
	live, keep := dir+"/pods/shop_web-0_u1/app", dir+"/cri-logshim/kept/shop_web-0_u1/app"
	write(t, keep+stem+"1.gz", record("1"))
	write(t, live+stem+"2.gz", record("2"))
	write(t, keep+stem+"2", record("2"))
	write(t, keep+stem+"3", record("3"))
	write(t, live+stem+"3", record("3"))
	write(t, live+"/0.log", record("4"))
	write(t, keep+"/0.log", record("4"))
	source := newSource(t, serve(t, nodelogstest.Kubelet(dir)))
	for tail, want := range map[int64]string{logreader.All: "line 1,line 2,line 3,line 4", 2: "line 3,line 4"} {
		r := logreader.New(source, []logreader.Container{web()}, logreader.Options{Tail: tail, Warn: func(err error) { t.Error(err) }})
		var got []string
		for {
			line, err := r.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(line.Text))
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if text := strings.Join(got, ","); text != want {
			t.Errorf("tail %d: %q, want %q", tail, text, want)
		}
	}
}

// What has taken a current file's name is not read as its end.
func TestRotatedWhileOpen(t *testing.T) {
	dir := t.TempDir()
	log := dir + "/pods/shop_web-0_u1/app/0.log"
	write(t, log, record("1"))
	source := newSource(t, serve(t, nodelogstest.Kubelet(dir)))
	h, err := source.Open(t.Context(), web(), logreader.File{Name: "pods/0.log"})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	write(t, log, record("2")+record("3"))
	if text, err := io.ReadAll(h); len(text) > 0 || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("read %q, %v of another file", text, err)
	}
}

// A file that had no byte when it was opened has no beginning to be known by. It finds a source that
// goes on with the file that has taken its name meanwhile, and loses what is between.
func TestRotatedWhileEmpty(t *testing.T) {
	dir := t.TempDir()
	log := dir + "/pods/shop_web-0_u1/app/0.log"
	write(t, log, "")
	source := newSource(t, serve(t, nodelogstest.Kubelet(dir)))
	h, err := source.Open(t.Context(), web(), logreader.File{Name: "pods/0.log"})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if text, err := io.ReadAll(h); len(text) > 0 || err != nil {
		t.Errorf("read %q, %v of an empty file", text, err)
	}
	write(t, dir+"/pods/shop_web-0_u1/app"+stem+"1", record("1"))
	write(t, log, record("2"))
	if text, err := io.ReadAll(h); len(text) > 0 || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("read %q, %v of another file", text, err)
	}
	again, err := source.Open(t.Context(), web(), logreader.File{Name: "pods/0.log"})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if text, err := io.ReadAll(again); string(text) != record("2") || err != nil {
		t.Errorf("read %q, %v of the file that has the name now", text, err)
	}
}

// Whether a file is written to goes by the node's clock. It finds a source that goes by the clock of
// this machine, which would wait for years, or leave a file that is still written to.
func TestSettledByTheClockOfTheNode(t *testing.T) {
	dir := t.TempDir()
	log := dir + "/pods/shop_web-0_u1/app/0.log"
	write(t, log, record("1"))
	written := time.Now().Add(1000 * time.Hour)
	if err := os.Chtimes(log, written, written); err != nil {
		t.Fatal(err)
	}
	files := nodelogstest.Kubelet(dir)
	for ago, want := range map[time.Duration]bool{time.Second: false, time.Minute: true} {
		source := newSource(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", written.Add(ago).UTC().Format(http.TimeFormat))
			files.ServeHTTP(w, r)
		})))
		h, err := source.Open(t.Context(), web(), logreader.File{Name: "pods/0.log"})
		if err != nil {
			t.Fatal(err)
		}
		if settled, err := h.Settled(); settled != want || err != nil {
			t.Errorf("%v after the last write: settled is %v, %v", ago, settled, err)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A place is a directory below /var/log.
func TestPlaces(t *testing.T) {
	for _, place := range []string{"", "/pods", "pods/", "../pods", "a//b", "a/./b"} {
		if _, err := nodelogs.NewSource(nil, nodelogs.Places{Live: place, Kept: "kept"}); err == nil {
			t.Errorf("%q was taken", place)
		}
	}
}

// Each way of saying no has its own error.
func TestRefusals(t *testing.T) {
	const status = `{"kind":"Status","message":"no"}`
	for _, c := range []struct {
		code int
		body string
		want error
	}{
		{400, `{"kind":"Status","message":"address not allowed"}`, nodelogs.ErrLoopback},
		{401, status, nodelogs.ErrUnauthorized},
		{403, status, nodelogs.ErrForbidden},
		{403, "Forbidden", nodelogs.ErrLogsOff},
		{404, status, nodelogs.ErrNoNode},
		{404, "404 page not found", os.ErrNotExist},
		{405, "logs endpoint is disabled.", nodelogs.ErrLogsOff},
		{503, status, nodelogs.ErrUnreachable},
	} {
		server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if strings.HasPrefix(c.body, "{") {
				w.Header().Set("Content-Type", "application/json")
			}
			w.WriteHeader(c.code)
			_, _ = io.WriteString(w, c.body)
		}))
		if _, err := server.List(t.Context(), "pods"); !errors.Is(err, c.want) {
			t.Errorf("%d %q: %v, want %v", c.code, c.body, err, c.want)
		}
	}
}
