package nodelogs

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

	"github.com/cri-logshim/cri-logshim/logreader"
)

const stem = "/0.log.20260101-000000.00000000"

func web() logreader.Container {
	return logreader.Container{Pod: logreader.Pod{Namespace: "shop", Name: "web-0", UID: "u1"}, Name: "app"}
}

// serve serves a folder as kubelet serves /var/log behind the API server.
func serve(t *testing.T, handler http.Handler) *Server {
	t.Helper()
	server := httptest.NewServer(http.StripPrefix("/api/v1/nodes/node-1/proxy/logs", handler))
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewServer(server.Client(), address, "node-1")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func record(n string) string { return "2026-01-01T00:00:00.00000000" + n + "Z stdout F line " + n + "\n" }

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
	write(t, keep+stem+"3", record("3"))
	write(t, live+stem+"3", record("3"))
	write(t, live+"/0.log", record("4"))
	write(t, keep+"/0.log", record("4"))
	source := NewSource(serve(t, http.FileServer(http.Dir(dir))))
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
	source := NewSource(serve(t, http.FileServer(http.Dir(dir))))
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

// Each way of saying no has its own error.
func TestRefusals(t *testing.T) {
	const status = `{"kind":"Status","message":"no"}`
	for _, c := range []struct {
		code int
		body string
		want error
	}{
		{401, status, ErrUnauthorized},
		{403, status, ErrForbidden},
		{403, "Forbidden", ErrLogsOff},
		{404, status, ErrNoNode},
		{404, "404 page not found", os.ErrNotExist},
		{405, "logs endpoint is disabled.", ErrLogsOff},
		{503, status, ErrUnreachable},
	} {
		server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if c.body == status {
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

// Whatever a page holds, no name leads out of its directory.
func FuzzListing(f *testing.F) {
	f.Add("<pre>\n<a href=\"a%20b/\">a b/</a>\n<a href=\"./a:b\">a:b</a></pre>")
	f.Add("<pre><a href=\"../x\">x</a><a href=\"%2e%2e\">y</a><a href=\"a%2fb\">z</a>")
	f.Fuzz(func(t *testing.T, page string) {
		entries, err := parseListing(strings.NewReader(page))
		for _, e := range entries {
			if err != nil || e.Name == "." || e.Name == ".." || e.Name == "" || strings.ContainsAny(e.Name, "/\x00") {
				t.Errorf("%+v, %v", e, err)
			}
		}
	})
}
