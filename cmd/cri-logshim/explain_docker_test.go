package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/config"
)

// dockerRuntime is a runtime that has Docker behind it.
type dockerRuntime struct{ podRuntime }

func (*dockerRuntime) Version(context.Context, *cri.VersionRequest) (*cri.VersionResponse, error) {
	return &cri.VersionResponse{RuntimeName: "docker"}, nil
}

// serveEngine answers for Docker Engine: that each container's log config is as given.
func serveEngine(t *testing.T, endpoint, logPath, logConfig string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socketOf(endpoint))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/containers/"), "/json")
		fmt.Fprintf(w, `{"Id": %q, "LogPath": %q, "HostConfig": {"LogConfig": %s}}`, id, logPath, logConfig)
	}))
	server.Listener.Close()
	server.Listener = l
	server.Start()
	t.Cleanup(server.Close)
}

// behindDocker is the pod shop/job of one container before a runtime that has Docker behind it.
type behindDocker struct {
	config  config.Configuration
	logPath string // the container's
}

func newBehindDocker(t *testing.T) behindDocker {
	t.Helper()
	p := newPlace(t)
	c := p.config
	c.Docker.Endpoint = "unix://" + p.dir + "/docker.sock"
	r := &dockerRuntime{podRuntime{podLogsDir: c.PodLogsDir}}
	r.sandbox("s3", "shop/job", 4, cri.PodSandboxState_SANDBOX_READY, nil, "new 0")
	serveRuntime(t, c.RuntimeEndpoint, r)
	return behindDocker{c, r.logOfJob()}
}

func (b behindDocker) explain(t *testing.T) *explanation {
	t.Helper()
	e, err := explain(t.Context(), b.config, config.Lines{}, podName{namespace: "shop", pod: "job"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// What explain says of a log that Docker keeps: where that is, who holds it to which limit,
// and what to set where nobody does.
func TestExplainDocker(t *testing.T) {
	for name, test := range map[string]struct {
		logPath, logConfig string // empty: the engine is not there
		says               string
	}{
		"rotated":        {"/d/c-json.log", `{"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}`, "to /d/c-json.log and rotates it by itself, at 10000000 bytes with 3 files"},
		"one file":       {"/d/c-json.log", `{"Type": "json-file", "Config": {"max-size": "10m"}}`, "at 10000000 bytes, with max-file 1: at each rotation all but the newest rotated file is lost, and with some versions of Docker that too; max-file"},
		"without limit":  {"/d/c-json.log", `{"Type": "json-file", "Config": {}}`, "to /d/c-json.log without a limit; max-size and max-file in Docker's daemon.json"},
		"not started":    {"", `{"Type": "json-file"}`, "not made its file yet"},
		"another driver": {"", `{"Type": "journald"}`, `driver "journald" takes the output, and there is no file that the log path could lead to; set log-driver json-file in Docker's daemon.json`},
		"no engine":      {"", "", "where its output is cannot be told: ask Docker Engine at unix://"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBehindDocker(t)
			if test.logConfig != "" {
				serveEngine(t, b.config.Docker.Endpoint, test.logPath, test.logConfig)
			}
			e := b.explain(t)
			if got := e.Containers[0].NotManaged; !strings.Contains(got, test.says) {
				t.Errorf("not managed: %q, want %q", got, test.says)
			}
			var text strings.Builder
			if err := e.printText(&text); err != nil || !strings.Contains(text.String(), "do not as it is") || e.Containers[0].SettingsApply {
				t.Errorf("the settings are told of as if they applied: %v\n%s", err, &text)
			}
		})
	}
}

// Explain tells of what lies where the link to Docker's file belongs, unless that is a link or
// no link belongs there.
func TestExplainObstacle(t *testing.T) {
	const rotated, journald = `{"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}`, `{"Type": "journald"}`
	file := func(path string) error { return os.WriteFile(path, []byte("not the container's\n"), 0o600) }
	for name, test := range map[string]struct {
		logConfig, logPath string
		lay                func(path string) error // nil: nothing is there
		tells              bool
	}{
		"nothing":        {rotated, "/d/c-json.log", nil, false},
		"a link":         {rotated, "/d/c-json.log", func(path string) error { return os.Symlink("/d/c-json.log", path) }, false},
		"a file":         {rotated, "/d/c-json.log", file, true},
		"another driver": {journald, "", file, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBehindDocker(t)
			serveEngine(t, b.config.Docker.Endpoint, test.logPath, test.logConfig)
			if err := os.MkdirAll(filepath.Dir(b.logPath), 0o700); err != nil {
				t.Fatal(err)
			}
			if test.lay != nil {
				if err := test.lay(b.logPath); err != nil {
					t.Fatal(err)
				}
			}
			got := b.explain(t).Containers[0].NotManaged
			if tells := strings.HasSuffix(got, "a file lies where the link belongs, and what is in it is not the container's output: move "+b.logPath+" away"); tells != test.tells {
				t.Errorf("not managed: %q; tells of a file in the link's place: %v, want %v", got, tells, test.tells)
			}
		})
	}
}
