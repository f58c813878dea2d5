package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/logmgr"
)

// In every mode a call that comes is forwarded; only in proxy is it changed. Logs are
// rotated in proxy and manage, and in observe it is told how often they would have been.
func TestModes(t *testing.T) {
	t.Parallel()
	for _, mode := range []config.Mode{config.ModeObserve, config.ModeManage, config.ModeProxy} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			p, f := newPlace(t), &creator{fakeRuntime: newFakeRuntime(), asked: make(chan *cri.CreateContainerRequest, 1)}
			p.config.Mode = mode
			f.runContainer(t, p.config.PodLogsDir, 64<<10)
			p.config.Rotation.MaxSize = 16 << 10
			serveRuntime(t, p.config.RuntimeEndpoint, f)
			d := p.serve(t, extras{})
			d.waitSaid(t, "serving", "mode="+string(mode))
			conn := works(t, p)
			request := &cri.CreateContainerRequest{
				Config:        &cri.ContainerConfig{Metadata: &cri.ContainerMetadata{Name: "app"}},
				SandboxConfig: &cri.PodSandboxConfig{Metadata: &cri.PodSandboxMetadata{Name: "pod", Namespace: "ns", Uid: "uid"}},
			}
			if _, err := cri.NewRuntimeServiceClient(conn).CreateContainer(t.Context(), request); err != nil {
				t.Fatal(err)
			}
			filled := receive(t, "a call at the runtime", f.asked).GetConfig().GetLogPath() != ""
			if filled != (mode == config.ModeProxy) {
				t.Errorf("an empty log path is filled: %t", filled)
			}
			if warned := len(d.said("a CRI call has come here")); warned != 0 != (mode != config.ModeProxy) {
				t.Errorf("it has warned %d times of calls", warned)
			}
			if mode == config.ModeObserve {
				observes(t, p, f.fakeRuntime)
			} else {
				receive(t, "a reopen", f.reopens)
			}
			d.end(t)
		})
	}
}

// creator is a runtime that makes containers.
type creator struct {
	*fakeRuntime
	asked chan *cri.CreateContainerRequest
}

func (c *creator) CreateContainer(_ context.Context, req *cri.CreateContainerRequest) (*cri.CreateContainerResponse, error) {
	c.asked <- req
	return &cri.CreateContainerResponse{ContainerId: "made"}, nil
}

// observes checks that a rotation is told and not made.
func observes(t *testing.T, p *place, f *fakeRuntime) {
	t.Helper()
	var told logmgr.Status
	eventually(t, "a rotation that would have been made", func() bool {
		told = statusOf(t, p)
		return len(told.Observed) == 1 && told.Observed[0].WouldRotate == 1
	})
	names, err := os.ReadDir(filepath.Dir(f.logPath))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != 1 || len(f.reopens) != 0 || exists(t, p.config.KeepDir) {
		t.Errorf("it has changed something: %q, %d reopens", names, len(f.reopens))
	}
}

func statusOf(t *testing.T, p *place) (s logmgr.Status) {
	t.Helper()
	_, text := get(t, p, "/status")
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return s
}

// A reload takes a daemon from any mode to another, and each does its own work and no more.
func TestModeChanges(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t), newFakeRuntime()
	p.config.Mode = config.ModeObserve
	p.config.Rotation.MaxSize = 16 << 10
	f.runContainer(t, p.config.PodLogsDir, 64<<10)
	f.serve(t, p.config.RuntimeEndpoint)
	d := p.serve(t, extras{})
	works(t, p)
	observes(t, p, f)
	pid := d.cmd.Process.Pid
	change := func(n int, mode config.Mode) {
		p.config.Mode = mode
		p.write(t)
		if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		pid = d.successorOf(t, n)
		eventually(t, "mode "+string(mode), func() bool { return len(d.said("serving", "mode="+string(mode))) > 0 })
		works(t, p)
	}
	change(1, config.ModeManage)
	receive(t, "a rotation", f.reopens)
	fill := func() {
		if err := os.WriteFile(f.logPath, make([]byte, 64<<10), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	change(2, config.ModeProxy)
	fill()
	receive(t, "a rotation", f.reopens)
	change(3, config.ModeObserve)
	fill()
	eventually(t, "a rotation that would have been made", func() bool {
		told := statusOf(t, p)
		return len(told.Observed) == 1 && told.Observed[0].WouldRotate > 0
	})
	if len(f.reopens) != 0 {
		t.Error("a log was rotated in mode observe")
	}
}
