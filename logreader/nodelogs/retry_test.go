package nodelogs_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cri-logshim/cri-logshim/logreader"
	"github.com/cri-logshim/cri-logshim/logreader/nodelogs"
	"github.com/cri-logshim/cri-logshim/logreader/nodelogs/nodelogstest"
)

// torn ends an answer after some bytes of it, as a connection does that breaks.
type torn struct {
	http.ResponseWriter
	left int
}

func (w *torn) Write(p []byte) (int, error) {
	if len(p) <= w.left {
		w.left -= len(p)
		return w.ResponseWriter.Write(p)
	}
	_, _ = w.ResponseWriter.Write(p[:w.left])
	_ = http.NewResponseController(w.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

// What is read of a file whose answers break off is the whole of it. It finds a handle that takes the end
// of an answer for that of the file, or begins anew.
func TestBrokenAnswer(t *testing.T) {
	dir := t.TempDir()
	text := strings.Repeat(record("1"), 1000)
	write(t, dir+"/pods/shop_web-0_u1/app/0.log", text)
	files := nodelogstest.Kubelet(dir)
	source := newSource(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		files.ServeHTTP(&torn{w, 20_000}, r)
	})))
	h, err := source.Open(t.Context(), web(), logreader.File{Name: "pods/0.log"})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if got, err := io.ReadAll(h); string(got) != text || err != nil {
		t.Errorf("%d of %d bytes, %v", len(got), len(text), err)
	}
}

// Who never answers is not waited for, and who has answered before is. It finds a command that tells
// after half a minute only that a node is down, and one that ends because a server was replaced.
func TestAsksAgain(t *testing.T) {
	var asked, refusals atomic.Int64
	refusals.Store(1)
	dir := t.TempDir()
	write(t, dir+"/pods/x", "text")
	files := nodelogstest.Kubelet(dir)
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if refusals.Add(-1) >= 0 {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		files.ServeHTTP(w, r)
	}))
	if _, err := server.List(t.Context(), "pods"); !errors.Is(err, nodelogs.ErrUnreachable) || asked.Load() != 1 {
		t.Errorf("%v after %d questions, want one", err, asked.Load())
	}
	if _, err := server.List(t.Context(), "pods"); err != nil {
		t.Fatal(err)
	}
	refusals.Store(1)
	if entries, err := server.List(t.Context(), "pods"); len(entries) != 1 || err != nil {
		t.Errorf("%v, %v from a server that answers again", entries, err)
	}
}
