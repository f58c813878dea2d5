package dockertest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/criruntime"
	"github.com/cri-logshim/cri-logshim/logmgr/docker"
	"github.com/cri-logshim/cri-logshim/logmgr/docker/dockertest"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bed is a fake cri-dockerd with a client, as the log manager is one.
type bed struct {
	*dockertest.Daemon
	runtime *docker.Runtime
	client  cri.RuntimeServiceClient
	pods    string // podLogsDir
	made    int
}

func newBed(t *testing.T, options dockertest.Options) *bed {
	t.Helper()
	dir, err := os.MkdirTemp("", "docker") //nolint:usetesting // a test's name may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	options.Dir = dir
	d, err := dockertest.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	conn, err := grpc.NewClient(d.Endpoint(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	log := logrus.New()
	log.SetOutput(t.Output())
	runtime := docker.New(criruntime.New(conn), d.Engine(), log)
	t.Cleanup(runtime.Close)
	return &bed{Daemon: d, runtime: runtime, client: cri.NewRuntimeServiceClient(conn), pods: filepath.Join(dir, "pods")}
}

// run makes a container and returns it with the error of its start.
func (b *bed) run(t *testing.T, command ...string) (runtimetest.Instance, error) {
	t.Helper()
	b.made++
	uid := fmt.Sprintf("uid-%d", b.made)
	pod := &cri.PodSandboxConfig{
		Metadata:     &cri.PodSandboxMetadata{Name: "conform", Namespace: "default", Uid: uid},
		LogDirectory: filepath.Join(b.pods, "default_conform_"+uid),
		Labels:       map[string]string{"team": "web"},
		Annotations:  map[string]string{"cri-logshim.io/maxFiles": "7", "example.com/maxFiles": "8"},
	}
	// The caller makes the directory, as kubelet does.
	if err := os.MkdirAll(filepath.Join(pod.LogDirectory, "app"), 0o755); err != nil {
		t.Fatal(err)
	}
	sandbox, err := b.client.RunPodSandbox(t.Context(), &cri.RunPodSandboxRequest{Config: pod})
	if err != nil {
		t.Fatal(err)
	}
	config := &cri.ContainerConfig{Metadata: &cri.ContainerMetadata{Name: "app", Attempt: 3}, LogPath: "app/3.log", Command: command}
	made, err := b.client.CreateContainer(t.Context(), &cri.CreateContainerRequest{PodSandboxId: sandbox.PodSandboxId, Config: config, SandboxConfig: pod})
	if err != nil {
		t.Fatal(err)
	}
	id := made.ContainerId
	_, err = b.client.StartContainer(t.Context(), &cri.StartContainerRequest{ContainerId: id})
	return runtimetest.Instance{
		Facts: logmgr.Container{
			ID: id, SandboxID: sandbox.PodSandboxId, Namespace: "default", Pod: "conform", PodUID: uid, Name: "app", Attempt: 3,
			PodLabels: map[string]string{"team": "web"}, PodAnnotations: map[string]string{"cri-logshim.io/maxFiles": "7"},
			LogPath: filepath.Join(pod.LogDirectory, config.LogPath), State: logmgr.StateRunning,
		},
		Stop: func(t *testing.T) {
			t.Helper()
			if _, err := b.client.StopContainer(t.Context(), &cri.StopContainerRequest{ContainerId: id, Timeout: 10}); err != nil {
				t.Fatal(err)
			}
		},
		Remove: func(t *testing.T) {
			t.Helper()
			if _, err := b.client.RemoveContainer(t.Context(), &cri.RemoveContainerRequest{ContainerId: id}); err != nil {
				t.Fatal(err)
			}
		},
	}, err
}

// The fake is what dockershim is to the log manager: with short lines and with such as
// Docker writes in pieces, with and without Docker's rotation.
func TestConforms(t *testing.T) {
	for name, test := range map[string]struct {
		options map[string]string
		length  string
	}{
		"short lines":              {length: "60"},
		"lines in pieces":          {length: "40000"},
		"rotated":                  {length: "60", options: map[string]string{"max-size": "100k", "max-file": "1000"}},
		"rotated, lines in pieces": {length: "40000", options: map[string]string{"max-size": "1m", "max-file": "1000"}},
		"rotated and compressed":   {length: "60", options: map[string]string{"max-size": "100k", "max-file": "1000", "compress": "true"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, dockertest.Options{LogOptions: test.options})
			runtimetest.ConformRedirecting(t, runtimetest.RedirectingEnv{
				Env: runtimetest.Env{Runtime: b.runtime, PodLogsDir: b.pods, Run: func(t *testing.T) runtimetest.Instance {
					t.Helper()
					c, err := b.run(t, dockertest.Lines, "0", test.length)
					if err != nil {
						t.Fatal(err)
					}
					return c
				}},
				RunFailing: func(t *testing.T) runtimetest.Instance {
					t.Helper()
					c, err := b.run(t, "no-such-command")
					if err == nil {
						t.Fatal("the start has not failed")
					}
					return c
				},
				Rotates: test.options != nil,
			})
		})
	}
}

// With another driver there is neither a file nor a link.
func TestOtherDriver(t *testing.T) {
	b := newBed(t, dockertest.Options{LogDriver: "journald"})
	c, err := b.run(t, dockertest.Lines)
	if err != nil {
		t.Fatal(err)
	}
	to, err := b.runtime.Redirect(t.Context(), c.Facts.ID)
	if want := (logmgr.Redirection{Elsewhere: true, Driver: "journald"}); err != nil || to != want {
		t.Errorf("the output is at %+v, %v, want %+v", to, err, want)
	}
	if _, err := os.Lstat(c.Facts.LogPath); err == nil {
		t.Error("there is a log")
	}
	if err := b.runtime.ReopenLog(t.Context(), c.Facts.ID); err == nil {
		t.Error("a log was reopened")
	}
}

// Without its directory no link can be made, and the start fails though the container
// runs: so it is with dockershim.
func TestNoDirectory(t *testing.T) {
	b := newBed(t, dockertest.Options{})
	pod := &cri.PodSandboxConfig{LogDirectory: filepath.Join(b.pods, "pod")}
	made, err := b.client.CreateContainer(t.Context(), &cri.CreateContainerRequest{
		Config:        &cri.ContainerConfig{Metadata: &cri.ContainerMetadata{}, LogPath: "0.log", Command: []string{dockertest.Lines}},
		SandboxConfig: pod,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.client.StartContainer(t.Context(), &cri.StartContainerRequest{ContainerId: made.ContainerId}); err == nil {
		t.Error("a link was made in a directory that is not there")
	}
	status, err := b.client.ContainerStatus(t.Context(), &cri.ContainerStatusRequest{ContainerId: made.ContainerId})
	if err != nil || status.Status.State != cri.ContainerState_CONTAINER_RUNNING {
		t.Errorf("status %+v, %v", status, err)
	}
}
