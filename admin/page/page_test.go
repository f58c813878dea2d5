package page_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/admin/page"
	"github.com/cri-logshim/cri-logshim/admin/page/pagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newPage(t *testing.T, source page.Source) http.Handler {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	h, err := page.New(page.Options{Source: source, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ask(t *testing.T, h http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), method, path, nil)
	if len(header) == 2 {
		r.Header.Set(header[0], header[1])
	}
	h.ServeHTTP(w, r)
	return w
}

// Without its script the page has every log, and what is wrong with the node.
func TestPageIsCompleteWithoutScript(t *testing.T) {
	n := pagetest.Sample()
	n.Change(func(node *api.Node) {
		node.Reasons = []string{"no connection to the runtime"}
		node.Disk.Pressure = "logs take 12 MB more than node.maxBytes"
	})
	w := ask(t, newPage(t, n), http.MethodGet, "/")
	body := w.Body.String()
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("answered %d as %q", w.Code, w.Header().Get("Content-Type"))
	}
	logs, err := n.Logs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range logs.Logs {
		if !strings.Contains(body, l.Namespace+"/"+l.Pod) {
			t.Errorf("%s/%s is not on the page", l.Namespace, l.Pod)
		}
	}
	for _, text := range []string{
		"worker-3", "no connection to the runtime", "12 MB more", "cannot compress a rotated file", "WorkFailed",
		"containerd 2.4.2", "412 MiB of removed pods", "41.0 GiB free, at least 12.0 GiB", "fluent-bit", "kept by the runtime",
	} {
		if !strings.Contains(body, text) {
			t.Errorf("the page does not say %q", text)
		}
	}
	if first, second := strings.Index(body, "render-frames"), strings.Index(body, "shop/web-"); first > second {
		t.Error("the log that is written to fastest is not the first")
	}
}

// broken is a source that fails in one of its answers.
type broken struct {
	whole      *pagetest.Node
	node, logs error
}

func (b broken) Node(ctx context.Context) (api.Node, error) {
	n, err := b.whole.Node(ctx)
	return n, errors.Join(err, b.node)
}

func (b broken) Logs(ctx context.Context) (api.LogList, error) {
	l, err := b.whole.Logs(ctx)
	return l, errors.Join(err, b.logs)
}

// A daemon that cannot tell of its logs still has a page: its script goes on asking.
func TestPageOfADaemonInTrouble(t *testing.T) {
	fault := errors.New("the registry <does> not answer")
	for name, source := range map[string]page.Source{
		"node": broken{whole: pagetest.Sample(), node: fault},
		"logs": broken{whole: pagetest.Sample(), logs: fault},
	} {
		w := ask(t, newPage(t, source), http.MethodGet, "/")
		if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, "the registry &lt;does&gt; not answer") || !strings.Contains(body, "page/main.js") {
			t.Errorf("%s: answered %d %q", name, w.Code, body)
		}
	}
}

// Names and messages with HTML in them stay text.
func TestHostileNamesStayText(t *testing.T) {
	body := ask(t, newPage(t, pagetest.Hostile()), http.MethodGet, "/").Body.String()
	for _, bad := range []string{"<img", "<script>", "</script><", "<svg onload", "\u202e", "\x1b", "\x00", "javascript:"} {
		if strings.Contains(body, bad) {
			t.Errorf("%q is on the page as it came", bad)
		}
	}
	if !strings.Contains(body, "&lt;img src=x onerror=alert(1)&gt;") {
		t.Error("the hostile names are not on the page at all")
	}
}

// Whatever is answered, also an error, lets the browser load and run nothing but the page's own.
func TestEveryAnswerIsGuarded(t *testing.T) {
	h := newPage(t, pagetest.Sample())
	for path, code := range map[string]int{
		"/": 200, "/page/main.js": 200, "/page/style.css": 200, "/page/icon.svg": 200,
		"/page/": 404, "/page/none.js": 404, "/page/..%2fpage.html": 404, "/page/page.html": 404, "/other": 404,
	} {
		w := ask(t, h, http.MethodGet, path)
		if w.Code != code {
			t.Errorf("%s: answered %d, want %d", path, w.Code, code)
		}
		policy := w.Header().Get("Content-Security-Policy")
		for _, rule := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(policy, rule) {
				t.Errorf("%s: the policy %q lacks %q", path, policy, rule)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy %q allows what is unsafe", path, policy)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: headers are missing: %v", path, w.Header())
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		if w := ask(t, h, method, "/"); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s /: answered %d: the page only reads", method, w.Code)
		}
	}
}

// A file is sent once, and again when it has changed: a script of an older version would not
// know what a newer daemon says.
func TestFilesAreAskedForAgain(t *testing.T) {
	h := newPage(t, pagetest.Sample())
	w := ask(t, h, http.MethodGet, "/page/main.js")
	tag := w.Header().Get("ETag")
	if w.Header().Get("Content-Type") != "text/javascript; charset=utf-8" || w.Header().Get("Cache-Control") != "no-cache" || tag == "" {
		t.Errorf("answered with %v", w.Header())
	}
	if w := ask(t, h, http.MethodGet, "/page/main.js", "If-None-Match", tag); w.Code != http.StatusNotModified || w.Body.Len() > 0 {
		t.Errorf("the same file: answered %d with %d bytes", w.Code, w.Body.Len())
	}
	if w := ask(t, h, http.MethodGet, "/page/main.js", "If-None-Match", `"0123456789abcdef"`); w.Code != http.StatusOK {
		t.Errorf("another file: answered %d", w.Code)
	}
	if w := ask(t, h, http.MethodGet, "/"); w.Header().Get("Cache-Control") != "no-store" {
		t.Error("the page itself, which names pods, may be stored")
	}
}

// The page needs no other server, and makes no HTML out of text: whoever adds either finds
// this test before a hostile name finds the page.
func TestFilesNameNobodyElse(t *testing.T) {
	files, err := os.ReadDir("static")
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{"page.html"}
	for _, f := range files {
		paths = append(paths, filepath.Join("static", f.Name()))
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		content := strings.ReplaceAll(string(text), `xmlns="http://www.w3.org/2000/svg"`, "")
		for _, bad := range []string{
			"http:", "https:", "//cdn", "@import", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write",
			"eval(", "new Function", "DOMParser", "createContextualFragment", "style=", "onclick=", "<script>", "<style",
		} {
			if strings.Contains(content, bad) {
				t.Errorf("%s has %q in it", path, bad)
			}
		}
	}
}
