package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
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

// What explain says of a log that Docker keeps: where that is, who holds it to which limit,
// and what to set where nobody does.
func TestExplainDocker(t *testing.T) {
	for name, test := range map[string]struct {
		logPath, logConfig string // empty: the engine is not there
		says               string
	}{
		"rotated":        {"/d/c-json.log", `{"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}`, "to /d/c-json.log and rotates it by itself, at 10000000 bytes with 3 files"},
		"one file":       {"/d/c-json.log", `{"Type": "json-file", "Config": {"max-size": "10m"}}`, "at 10000000 bytes, with 1 file: at each rotation all that was written before is lost; max-file"},
		"without limit":  {"/d/c-json.log", `{"Type": "json-file", "Config": {}}`, "to /d/c-json.log without a limit; max-size and max-file in Docker's daemon.json"},
		"not started":    {"", `{"Type": "json-file"}`, "not made its file yet"},
		"another driver": {"", `{"Type": "journald"}`, `driver "journald"`},
		"no engine":      {"", "", "where its output is cannot be told: ask Docker Engine at unix://"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			c := p.config
			c.PodLogsDir = config.Default().PodLogsDir // which podRuntime knows
			c.Docker.Endpoint = "unix://" + p.dir + "/docker.sock"
			r := &dockerRuntime{}
			r.sandbox("s3", "shop/job", 4, cri.PodSandboxState_SANDBOX_READY, nil, "new 0")
			serveRuntime(t, c.RuntimeEndpoint, r)
			if test.logConfig != "" {
				serveEngine(t, c.Docker.Endpoint, test.logPath, test.logConfig)
			}
			e, err := explain(t.Context(), c, config.Lines{}, podName{namespace: "shop", pod: "job"})
			if err != nil {
				t.Fatal(err)
			}
			if got := e.Containers[0].NotManaged; !strings.Contains(got, test.says) {
				t.Errorf("not managed: %q, want %q", got, test.says)
			}
			var text strings.Builder
			if err := e.print(&text, "text"); err != nil || !strings.Contains(text.String(), "do not as it is") || e.Containers[0].SettingsApply {
				t.Errorf("the settings are told of as if they applied: %v\n%s", err, &text)
			}
		})
	}
}
