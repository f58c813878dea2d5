package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/config"
)

// dockered is a runtime before Docker, with one container whose link is missing.
type dockered struct{ *fakeRuntime }

func (dockered) Version(context.Context, *cri.VersionRequest) (*cri.VersionResponse, error) {
	return &cri.VersionResponse{RuntimeName: "docker"}, nil
}

func (dockered) ReopenContainerLog(context.Context, *cri.ReopenContainerLogRequest) (*cri.ReopenContainerLogResponse, error) {
	return nil, errors.New("docker does not support reopening container log files")
}

// Before Docker the log path is made a link to Docker's file, however far beyond the limit
// that is, and its size told; the file stays as it is. Where the log path leads is what the
// engine says. To observe tells the same and changes nothing.
func TestDocker(t *testing.T) {
	t.Parallel()
	for _, mode := range []config.Mode{config.ModeObserve, config.ModeManage, config.ModeProxy} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			p, f := newPlace(t), newFakeRuntime()
			p.config.Mode = mode
			p.config.Rotation.MaxSize = 16 << 10
			p.config.Docker.Endpoint = "unix://" + filepath.Join(p.dir, "docker.sock")
			f.runContainer(t, p.config.PodLogsDir, 0)
			file := filepath.Join(p.dir, "container-json.log")
			if err := errors.Join(os.Remove(f.logPath), os.WriteFile(file, make([]byte, 64<<10), 0o600)); err != nil {
				t.Fatal(err)
			}
			serveEngine(t, p.config.Docker.Endpoint, file, `{"Type": "json-file", "Config": {"max-size": "1m"}}`)
			serveRuntime(t, p.config.RuntimeEndpoint, dockered{f})
			heard := newNotices(t, p.dir+"/notify")
			told := heard.all()
			d := p.serve(t, extras{env: []string{"NOTIFY_SOCKET=" + p.dir + "/notify"}})
			works(t, p)
			if mode == config.ModeObserve {
				d.waitSaid(t, "it would not be rotated")
			} else {
				eventually(t, "the link", func() bool { to, _ := os.Readlink(f.logPath); return to == file })
			}
			eventually(t, "its size", func() bool { return metric(t, p, "cri_logshim_elsewhere_bytes") == "65536" })
			checkElsewhere(t, p, file)
			eventually(t, "the status line", func() bool {
				return strings.Contains(receive(t, "a notice", told), "logs managed: 0, the runtime's own: 1")
			})
			d.end(t)
			names, err := os.ReadDir(filepath.Dir(f.logPath))
			if info, statErr := os.Stat(file); err != nil || statErr != nil || info.Size() != 64<<10 || len(names) > 1 || exists(t, f.logPath) == (mode == config.ModeObserve) {
				t.Errorf("at the log path: %q, %v, Docker's file: %v, %v", names, err, info, statErr)
			}
		})
	}
}

// checkElsewhere compares what the status says with what Docker says.
func checkElsewhere(t *testing.T, p *place, file string) {
	t.Helper()
	s := statusOf(t, p)
	if len(s.Elsewhere) != 1 || s.Logs != 0 || len(s.Observed) != 0 {
		t.Fatalf("status: %+v", s)
	}
	if l := s.Elsewhere[0]; l.File != file || l.Bytes != 64<<10 || l.MaxSize != 1e6 || l.MaxFiles != 1 || l.Pod != "pod" {
		t.Errorf("status: %+v", l)
	}
}

// TestAnotherRuntime: what answers at the endpoint may be another runtime after a reconnect,
// Docker or not, and each one's logs are held where it keeps them.
func TestAnotherRuntime(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.config.Rotation.MaxSize = 16 << 10
	p.config.Docker.Endpoint = "unix://" + filepath.Join(p.dir, "docker.sock")
	file := filepath.Join(p.dir, "container-json.log")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	serveEngine(t, p.config.Docker.Endpoint, file, `{"Type": "json-file"}`)
	stop := func() {}
	for i, of := range []string{"docker", "containerd", "docker"} {
		f := newFakeRuntime()
		f.runContainer(t, p.config.PodLogsDir, 0)
		f.id, f.logPath = fmt.Sprint("container", i), filepath.Join(filepath.Dir(f.logPath), fmt.Sprint(i+1, ".log"))
		stop()
		if of == "docker" {
			stop = serveRuntime(t, p.config.RuntimeEndpoint, dockered{f})
		} else {
			if err := os.WriteFile(f.logPath, make([]byte, 64<<10), 0o600); err != nil {
				t.Fatal(err)
			}
			stop = f.serve(t, p.config.RuntimeEndpoint)
		}
		if i == 0 {
			p.serve(t, extras{})
		}
		if of == "docker" {
			eventually(t, "the link to Docker's file", func() bool { to, _ := os.Readlink(f.logPath); return to == file })
		} else if got := receive(t, "a rotation", f.reopens); got != f.id {
			t.Errorf("the log of %q was reopened", got)
		}
	}
}

// refusing is a runtime at whose containers' log paths their logs are, and which has no way
// to reopen them.
type refusing struct{ *fakeRuntime }

func (refusing) ReopenContainerLog(context.Context, *cri.ReopenContainerLogRequest) (*cri.ReopenContainerLogResponse, error) {
	return nil, status.Error(codes.Unimplemented, "method ReopenContainerLog not implemented")
}

// TestRuntimeLearnsToReopen: a runtime that cannot reopen logs is not asked for that again,
// until it is connected anew; a newer one may be able to.
func TestRuntimeLearnsToReopen(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t), newFakeRuntime()
	p.config.Rotation.MaxSize = 16 << 10
	f.runContainer(t, p.config.PodLogsDir, 64<<10)
	stop := serveRuntime(t, p.config.RuntimeEndpoint, refusing{f})
	d := p.serve(t, extras{})
	d.waitSaid(t, "the runtime cannot reopen logs")
	stop()
	f.serve(t, p.config.RuntimeEndpoint)
	receive(t, "a rotation", f.reopens)
}
