package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
		"rotate":         {[]string{"rotate", nameOf(running[0])}, []string{"rotated 2.0 KiB to 0.log.2026"}, 0, 1},
		"rotate by id":   {[]string{"rotate", running[0].ID, "-o", "json"}, []string{`"rotated": true`}, 0, 1},
		"rotate partly":  {[]string{"rotate", running[0].ID, running[1].ID}, []string{"rotated 2.0 KiB"}, exitcode.Partly, 2},
		"rotate nobody":  {[]string{"rotate", running[0].ID, "shop/nobody/app"}, nil, exitcode.NotFound, 0},
		"rotate nothing": {[]string{"rotate"}, nil, exitcode.Usage, 0},
		"prune":          {[]string{"prune", "--dry-run", "--kept"}, []string{`0.log^[[2J`, "would be removed: 1 files, 4.0 KiB"}, 0, 0},
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
// asks or reads nowhere else.
func TestCommandsWithAWrongConfiguration(t *testing.T) {
	dir, directories := layLogs(t)
	wrong := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(wrong, []byte("podLogsDir: relative\nnonsense: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"status"}, {"list"}, {"rotate", "x"}, {"prune", "--dry-run"}, {"top", "--once"}, append([]string{"logs", "gone"}, directories...),
	} {
		for config, lines := range map[string]int{wrong: 4, filepath.Join(dir, "none.yaml"): 1} {
			out, err := command(t, append(args, "--config", config)...)
			if exitcode.Of(err) != exitcode.Failed || len(strings.Split(fmt.Sprint(err), "\n")) != lines || out != "" {
				t.Errorf("%s: exit code %d, %v, printed %q", args[0], exitcode.Of(err), err, out)
			}
		}
	}
}
