package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// adminFake is a daemon as far as top sees one, at the socket of a place.
type adminFake struct {
	server *http.Server
	done   chan struct{}

	mu      sync.Mutex
	logs    []api.Log
	rotated []string
	old     bool // knows nothing of the API
}

func newAdminFake(logs int) *adminFake {
	f := &adminFake{}
	for i := range logs {
		f.logs = append(f.logs, api.Log{
			ID: fmt.Sprintf("%064x", i+1), Namespace: "shop", Pod: fmt.Sprintf("web-%03d", i), Container: "app", State: "running", Managed: true,
			BytesPerSecond: int64(1000 * (logs - i)), CurrentBytes: new(int64(i) << 20), DiskBytes: new(int64(i) << 22), Files: new(2),
			Policy: api.Policy{MaxSize: 10 << 20, MaxFiles: 5, Compression: "gzip"},
		})
	}
	return f
}

func (f *adminFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.old {
		http.NotFound(w, r)
		return
	}
	var answer any
	switch r.Method + " " + r.URL.Path {
	case "GET " + api.PathNode:
		answer = api.Node{Time: time.Now(), Host: "worker-7", Version: "1.0.0", Mode: "proxy", Runtime: api.Runtime{Name: "containerd", State: "ready"}, Logs: len(f.logs)}
	case "GET " + api.PathLogs:
		answer = api.LogList{Time: time.Now(), Logs: f.logs}
	case "POST " + api.PathRotate:
		var asked api.RotateRequest
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		f.rotated = append(f.rotated, asked.ID)
		answer = api.RotateResult{Rotated: true, Bytes: 5 << 20, File: "0.log.20261121-020729.631480790"}
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // whoever asked may have gone
}

func (f *adminFake) asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.rotated)
}

// listen has the fake answer at the admin socket of a place until it is stopped, at the latest at
// the end of the test.
func (f *adminFake) listen(t *testing.T, p *place) {
	t.Helper()
	path := socketOf(p.config.Admin.Listen)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	f.server, f.done = &http.Server{Handler: f}, make(chan struct{})
	go func(server *http.Server, done chan struct{}) {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}(f.server, f.done)
	t.Cleanup(func() { f.stop(t) })
}

func (f *adminFake) stop(t *testing.T) {
	t.Helper()
	if err := f.server.Close(); err != nil {
		t.Error(err)
	}
	<-f.done
}
