package main

import (
	"bytes"
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
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/admin"
	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/admin/page/pagetest"
	"github.com/cri-logshim/cri-logshim/exitcode"
)

// laborer rotates what it is asked to, but for what is empty.
type laborer struct{ asked []string }

func (l *laborer) Rotate(_ context.Context, id string) (api.RotateResult, error) {
	l.asked = append(l.asked, id)
	if len(l.asked) > 1 {
		return api.RotateResult{Reason: "the log is empty"}, nil
	}
	return api.RotateResult{Rotated: true, Bytes: 2048, File: "0.log.20260101-000000"}, nil
}

func (l *laborer) Prune(_ context.Context, request api.PruneRequest) (api.PruneResult, error) {
	if !request.DryRun || !request.Kept {
		return api.PruneResult{}, admin.Refusal{Status: http.StatusConflict, Err: errors.New("nothing was removed")}
	}
	return api.PruneResult{DryRun: true, Files: []api.PrunedFile{{Namespace: "shop", Pod: "web", Container: "app", Name: "0.log\x1b[2J", Bytes: 4096, Reason: "kept"}}, Bytes: 4096}, nil
}

// served runs a daemon's admin API and returns a configuration that leads to it.
func served(t *testing.T, work *laborer) (config string) {
	t.Helper()
	dir := t.TempDir()
	socket := filepath.Join(dir, "a.sock")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	handler := admin.ForOperators(admin.Options{
		Status:  func() any { return nil },
		Metrics: prometheus.NewRegistry(), Log: logrus.New(), Facts: pagetest.Sample(), Events: admin.NewEvents(), Worker: work,
	})
	go func() { ended <- admin.Serve(ctx, handler, logrus.New(), l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return leading(t, dir, socket)
}

func leading(t *testing.T, dir, socket string) string {
	t.Helper()
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte("apiVersion: cri-logshim.io/v1alpha1\nkind: Configuration\nadmin:\n  listen: unix://"+socket+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}

func command(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

// The commands say what the daemon says, as text that acts on no terminal and as JSON that is the
// API's, and refuse what they cannot do before anything is done.
func TestCommandsThatAsk(t *testing.T) {
	logs, err := pagetest.Sample().Logs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var running []api.Log
	for _, l := range logs.Logs {
		if l.State == "running" {
			running = append(running, l)
		}
	}
	for name, test := range map[string]struct {
		args  []string
		want  []string
		code  exitcode.Code
		asked int
	}{
		"status":         {[]string{"status"}, []string{"cri-logshim ", "runtime ", "kubelet ", "logs ", "disk "}, 0, 0},
		"list":           {[]string{"list"}, []string{"NAMESPACE", running[0].Pod}, 0, 0},
		"list wide":      {[]string{"list", "-o", "wide", "--sort", "disk"}, []string{"PATH", running[0].ID}, 0, 0},
		"list yaml":      {[]string{"list", "-o", "yaml"}, []string{"bytesPerSecond: "}, 0, 0},
		"no namespace":   {[]string{"list", "--namespace", "nobody"}, []string{"NAMESPACE"}, 0, 0},
		"bad order":      {[]string{"list", "--sort", "age"}, nil, exitcode.Usage, 0},
		"rotate":         {[]string{"rotate", nameOf(running[0])}, []string{"rotated 2Ki to 0.log.2026"}, 0, 1},
		"rotate by id":   {[]string{"rotate", running[0].ID, "-o", "json"}, []string{`"rotated": true`}, 0, 1},
		"rotate partly":  {[]string{"rotate", running[0].ID, running[1].ID}, []string{"rotated 2Ki"}, exitcode.Partly, 2},
		"rotate nobody":  {[]string{"rotate", running[0].ID, "shop/nobody/app"}, nil, exitcode.NotFound, 0},
		"rotate nothing": {[]string{"rotate"}, nil, exitcode.Usage, 0},
		"prune":          {[]string{"prune", "--dry-run", "--kept"}, []string{`0.log^[[2J`, "would be removed: 1 file, 4Ki"}, 0, 0},
		"prune refused":  {[]string{"prune"}, nil, exitcode.Failed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			work := &laborer{}
			out, err := command(t, append(test.args, "-c", served(t, work))...)
			if exitcode.Of(err) != test.code || len(work.asked) != test.asked {
				t.Errorf("ended with %d (%v), after %d rotations", exitcode.Of(err), err, len(work.asked))
			}
			for _, want := range test.want {
				if !strings.Contains(out, want) {
					t.Errorf("prints no %q: %s", want, out)
				}
			}
			if strings.Contains(out, "\x1b") {
				t.Errorf("prints an escape: %q", out)
			}
		})
	}
}

// -o json is what the API answers, without a field lost.
func TestListAsJSON(t *testing.T) {
	out, err := command(t, "list", "-o", "json", "-c", served(t, &laborer{}))
	if err != nil {
		t.Fatal(err)
	}
	var list api.LogList
	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil || len(list.Logs) == 0 {
		t.Errorf("%d logs: %v", len(list.Logs), err)
	}
}

// A socket that ssh has forwarded is asked without a configuration, since at a desk there is none;
// what names two daemons, or none, asks nobody.
func TestEndpointElsewhere(t *testing.T) {
	dir := filepath.Dir(served(t, &laborer{}))
	socket := "unix://" + filepath.Join(dir, "a.sock")
	forwarded := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != api.PathNode || json.NewEncoder(w).Encode(api.Node{Version: "forwarded"}) != nil {
			http.NotFound(w, r)
		}
	}))
	defer forwarded.Close()
	for name, test := range map[string]struct {
		args []string
		want string // in what is printed, or in the error
		code exitcode.Code
	}{
		"status":     {[]string{"status", "--endpoint", socket}, "cri-logshim ", 0},
		"list":       {[]string{"list", "--endpoint", socket}, "NAMESPACE", 0},
		"top":        {[]string{"top", "--once", "--endpoint", socket}, "NAMESPACE", 0},
		"rotate":     {[]string{"rotate", "x", "--endpoint", socket}, `no container "x"`, exitcode.NotFound},
		"prune":      {[]string{"prune", "--dry-run", "--kept", "--endpoint", socket}, "would be removed", 0},
		"a port":     {[]string{"status", "--endpoint", forwarded.URL}, "forwarded", 0},
		"nobody":     {[]string{"status", "--endpoint", socket + "2"}, "there is no such socket", exitcode.Unreachable},
		"two":        {[]string{"status", "--endpoint", socket, "-c", filepath.Join(dir, "config.yaml")}, "--endpoint and --config", exitcode.Usage},
		"empty":      {[]string{"prune", "--kept", "--endpoint="}, "--endpoint is empty", exitcode.Usage},
		"a path":     {[]string{"prune", "--kept", "--endpoint", filepath.Join(dir, "a.sock")}, "--endpoint: ", exitcode.Usage},
		"no scheme":  {[]string{"top", "--once", "--endpoint", "localhost:8080"}, "must be unix://", exitcode.Usage},
		"completion": {[]string{"__complete", "rotate", "--endpoint", socket, ""}, "/", 0},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := command(t, test.args...)
			if exitcode.Of(err) != test.code || !strings.Contains(out+fmt.Sprint(err), test.want) {
				t.Errorf("ended with %d (%v), printed %q", exitcode.Of(err), err, out)
			}
		})
	}
}

// A runtime that is away is told of in an operator's words: that it does not answer, where, since
// when, and what to do.
func TestStatusWithoutARuntime(t *testing.T) {
	node, err := pagetest.Sample().Node(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	since := node.Time.Add(-90 * time.Second)
	at := "does not answer at unix:///run/x.sock"
	for want, runtime := range map[string]api.Runtime{
		at + " since " + since.Local().Format(time.DateTime) + " (1m30s); start it, or set runtimeEndpoint": {State: "transient failure", Endpoint: "unix:///run/x.sock", AwaySince: &since},
		at + "; start it, or set runtimeEndpoint":                                                           {State: "connecting", Endpoint: "unix:///run/x.sock"},
		"runtime      answers at unix:///run/x.sock\n":                                                      {State: "ready", Endpoint: "unix:///run/x.sock"},
		"runtime      cri-o 1.35 at unix:///run/x.sock\n":                                                   {State: "ready", Endpoint: "unix:///run/x.sock", Name: "cri-o", Version: "1.35"},
	} {
		node.Runtime = runtime
		var out strings.Builder
		if err := printNode(&out, node, false); err != nil || !strings.Contains(out.String(), want) || strings.Contains(out.String(), "transient") {
			t.Errorf("%v, printed %q, want %q", err, out.String(), want)
		}
	}
}

// Without a daemon each command says what to do, and exits with 4.
func TestCommandsWithoutADaemon(t *testing.T) {
	dir := t.TempDir()
	config := leading(t, dir, filepath.Join(dir, "none.sock"))
	for _, args := range [][]string{{"status"}, {"list"}, {"rotate", "x"}, {"prune", "--dry-run"}} {
		if _, err := command(t, append(args, "-c", config)...); exitcode.Of(err) != exitcode.Unreachable || !strings.Contains(err.Error(), "systemctl status cri-logshim") {
			t.Errorf("%s: %d, %v", args[0], exitcode.Of(err), err)
		}
	}
}

// Where the configuration that was named is wrong, each command says so, a line for each fault, and
// then what to do; it asks or reads nowhere else.
func TestCommandsWithAWrongConfiguration(t *testing.T) {
	dir, directories := layLogs(t)
	wrong := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(wrong, []byte("podLogsDir: relative\nnonsense: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"status"}, {"list"}, {"rotate", "x"}, {"prune", "--dry-run"}, {"top", "--once"}, append([]string{"logs", "gone"}, directories...),
	} {
		for config, lines := range map[string]int{wrong: 5, filepath.Join(dir, "none.yaml"): 1} {
			out, err := command(t, append(args, "--config", config)...)
			if told := strings.Split(fmt.Sprint(err), "\n"); exitcode.Of(err) != exitcode.Failed || len(told) != lines || out != "" ||
				lines > 1 && !strings.HasPrefix(told[lines-1], "mend the file, or name ") {
				t.Errorf("%s: exit code %d, %v, printed %q", args[0], exitcode.Of(err), err, out)
			}
		}
	}
}
