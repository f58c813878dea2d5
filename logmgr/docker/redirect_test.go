package docker

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/criruntime"
)

// What the engine says of a container is what the log manager is told: the file of
// json-file with its limits, and of all other drivers that there is none to link to.
func TestRedirect(t *testing.T) {
	const path = "/data/containers/c/c-json.log"
	type options = map[string]string
	for name, test := range map[string]struct {
		logPath, driver string
		options         options
		want            logmgr.Redirection
	}{
		"no limit":           {path, "json-file", nil, logmgr.Redirection{Path: path}},
		"a size":             {path, "json-file", options{"max-size": "10m"}, logmgr.Redirection{Path: path, MaxSize: 10e6, MaxFiles: 1}},
		"a size and files":   {path, "json-file", options{"max-size": "64K", "max-file": "5"}, logmgr.Redirection{Path: path, MaxSize: 64e3, MaxFiles: 5}},
		"files without size": {path, "json-file", options{"max-file": "5"}, logmgr.Redirection{Path: path}},
		"unlimited":          {path, "json-file", options{"max-size": "-1"}, logmgr.Redirection{Path: path}},
		"what is no size":    {path, "json-file", options{"max-size": "much", "max-file": "x"}, logmgr.Redirection{Path: path}},
		"an unclean path":    {"/data//containers/c/../c/c-json.log", "json-file", nil, logmgr.Redirection{Path: path}},
		"not started yet":    {"", "json-file", options{"max-size": "1g"}, logmgr.Redirection{MaxSize: 1e9, MaxFiles: 1}},
		"journald":           {"", "journald", nil, logmgr.Redirection{}},
		"none":               {"", "none", nil, logmgr.Redirection{}},
		// It has limits of its own, which say nothing of a file that anybody may look at.
		"local":              {"", "local", options{"max-size": "20m"}, logmgr.Redirection{}},
		"a path of a plugin": {"/plugin/file", "example/plugin:latest", nil, logmgr.Redirection{}},
		"no driver's name":   {path, "", nil, logmgr.Redirection{Path: path}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.engine.say(http.StatusOK, inspection(test.logPath, test.driver, test.options))
			test.want.Elsewhere, test.want.Driver = true, test.driver
			got, err := r.Redirect(t.Context(), id)
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("error %v, (-want +got):\n%s", err, diff)
			}
			if told := r.told(); len(told) != 0 {
				t.Errorf("it is told of %q", told)
			}
		})
	}
}

// Without a driver's name and without a path nothing is known, and the rule tells.
func TestUnknownDriver(t *testing.T) {
	r := newRig(t)
	r.engine.say(http.StatusOK, inspection("", "", nil))
	want := logmgr.Redirection{Elsewhere: true, Path: put(t, r.root, "", true), Provisional: true}
	if got, err := r.Redirect(t.Context(), id); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

// The engine is asked for the very container, and by a connection that is kept.
func TestOneConnection(t *testing.T) {
	r := newRig(t)
	path := put(t, r.root, "", true)
	r.engine.answer(func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodGet || req.URL.Path != "/containers/"+id+"/json" {
			t.Errorf("asked: %s %s", req.Method, req.URL)
		}
		fmt.Fprint(w, inspection(path, "json-file", nil))
	})
	for range 50 {
		if _, err := r.Redirect(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if asked, conns := r.engine.asked.Load(), r.engine.conns.Load(); asked != 50 || conns != 1 {
		t.Errorf("%d requests over %d connections", asked, conns)
	}
}

// Without an endpoint nobody is asked, and the default directory is looked at.
func TestNoEngine(t *testing.T) {
	conn := &fakeCRI{}
	conn.call("docker")
	r := New(criruntime.New(conn), "", quiet())
	defer r.Close()
	got, err := r.Redirect(t.Context(), "no-such-container")
	if err == nil || got != (logmgr.Redirection{Elsewhere: true}) || !strings.Contains(err.Error(), "docker.endpoint is empty: set it if") {
		t.Errorf("%+v, %v, want an error that says what to do", got, err)
	}
	r.root = t.TempDir() // it may be a copy that somebody has left there
	path := put(t, r.root, `{"LogConfig": {"Type": "json-file"}}`, true)
	want := logmgr.Redirection{Elsewhere: true, Path: path, Driver: "json-file", Provisional: true}
	if got, err := r.Redirect(t.Context(), id); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if rule := logFile(defaultRoot, "a"); rule != "/var/lib/docker/containers/a/a-json.log" {
		t.Errorf("the rule makes %q", rule)
	}
}

// rootOf is the inverse of the rule, and takes no other path.
func TestRootOf(t *testing.T) {
	for path, want := range map[string]string{
		logFile("/srv/docker", id):                "/srv/docker",
		logFile("/", id):                          "",
		"/srv/logs/" + id + "-json.log":           "",
		filepath.Join("/srv", id, id+"-json.log"): "",
	} {
		if got, ok := rootOf(path, id); got != want || ok != (want != "") {
			t.Errorf("the root of %q: %q, %t, want %q", path, got, ok, want)
		}
	}
}
