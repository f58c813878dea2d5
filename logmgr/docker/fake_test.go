package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logged "github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/logmgr/criruntime"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// id is a container's.
var id = strings.Repeat("0123456789abcdef", 4)

// fakeCRI is the connection to a runtime of which nothing but its name is known.
type fakeCRI struct {
	grpc.ClientConnInterface
	name  atomic.Pointer[string] // nil: it does not answer
	asked atomic.Int64
	takes time.Duration // for each answer
}

func (f *fakeCRI) Invoke(ctx context.Context, method string, _, reply any, _ ...grpc.CallOption) error {
	f.asked.Add(1)
	select {
	case <-time.After(f.takes):
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
	version, ok := reply.(*cri.VersionResponse)
	name := f.name.Load()
	if !ok || name == nil {
		return status.Errorf(codes.Unavailable, "%s: nobody there", method)
	}
	version.RuntimeName = *name
	return nil
}

func (f *fakeCRI) call(name string) { f.name.Store(&name) }

// fakeEngine serves what a test lets it answer, on a unix socket.
type fakeEngine struct {
	path   string
	server *httptest.Server
	asked  atomic.Int64 // requests
	conns  atomic.Int64 // that were accepted

	mu      sync.Mutex
	handler http.HandlerFunc
	root    string // what GET /info says; empty: it fails
}

// answer sets what the requests about containers are answered with.
func (f *fakeEngine) answer(h http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handler = h
}

func (f *fakeEngine) say(code int, body string) {
	f.answer(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	})
}

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.asked.Add(1)
	f.mu.Lock()
	handler, root := f.handler, f.root
	f.mu.Unlock()
	switch {
	case r.URL.Path == "/info" && root != "":
		fmt.Fprintf(w, `{"DockerRootDir": %q}`, root)
	case r.URL.Path == "/info" || handler == nil:
		w.WriteHeader(http.StatusInternalServerError)
	default:
		handler(w, r)
	}
}

// start serves until stop; the socket goes with it.
func (f *fakeEngine) start(t *testing.T) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", f.path)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(f)
	server.Listener.Close()
	server.Listener = l
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			f.conns.Add(1)
		}
	}
	server.Start()
	f.server = server
	t.Cleanup(f.stop)
}

func (f *fakeEngine) stop() {
	if f.server != nil {
		f.server.CloseClientConnections()
		f.server.Close()
		f.server = nil
	}
}

// rig is a Runtime before a fake runtime and a fake engine.
type rig struct {
	*Runtime
	cri    *fakeCRI
	engine *fakeEngine
	root   string // Docker's data
	logs   *logged.Hook
}

// newRig returns one whose runtime is Docker's and whose engine serves.
func newRig(t *testing.T) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("", "engine") //nolint:usetesting // a test's name may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &rig{cri: &fakeCRI{}, engine: &fakeEngine{path: filepath.Join(dir, "docker.sock")}, root: filepath.Join(dir, "data")}
	r.engine.root = r.root
	r.engine.start(t)
	r.cri.call("docker")
	log, hook := logged.NewNullLogger()
	r.logs = hook
	r.Runtime = New(criruntime.New(r.cri), "unix://"+r.engine.path, log)
	t.Cleanup(r.Close)
	return r
}

// told are the messages of the log so far, but for the one that it is Docker.
func (r *rig) told() (all []string) {
	for _, e := range r.logs.AllEntries() {
		if e.Message != introduction {
			all = append(all, e.Message)
		}
	}
	return all
}

// put makes the files that Docker keeps of a container; an empty config makes none.
func put(t *testing.T, root, config string, log bool) string {
	t.Helper()
	dir := containerDir(root, id)
	errs := []error{os.MkdirAll(dir, 0o700)}
	if config != "" {
		errs = append(errs, os.WriteFile(filepath.Join(dir, "hostconfig.json"), []byte(config), 0o600))
	}
	path := logFile(root, id)
	if log {
		errs = append(errs, os.WriteFile(path, nil, 0o600))
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return path
}

// inspection is an answer to GET /containers/<id>/json.
func inspection(logPath, driver string, options map[string]string) string {
	var c inspected
	c.ID, c.LogPath = id, logPath
	c.HostConfig.LogConfig.Type, c.HostConfig.LogConfig.Config = driver, options
	text, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func quiet() logrus.FieldLogger {
	log, _ := logged.NewNullLogger()
	return log
}
