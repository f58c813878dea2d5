package integration

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/criruntime"
	"github.com/cri-logshim/cri-logshim/logmgr/docker"
	"github.com/cri-logshim/cri-logshim/logmgr/docker/dockertest"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// What the log manager relies on where it only follows is so of the real dockershim, with
// Docker's own rotation and with lines that Docker cuts into pieces.
func TestDockershimConforms(t *testing.T) {
	t.Parallel()
	dockershim := newDockershim(t, testbed.DockershimOptions{Docker: testbed.DockerOptions{
		LogOptions: map[string]string{"max-size": "100k", "max-file": "1000"},
	}})
	conformRedirecting(t, redirectingBed{
		endpoint: dockershim.Endpoint(), engine: dockershim.Docker.Endpoint(), node: &dockershim.Node, runtime: dockershim,
		writer: []string{"seqwriter", "-stream=both", "-rate=1000000", "-length=20000"},
	})
}

// newCRIDockerd starts a stand-in for cri-dockerd, whose Docker rotates often, with a shim
// before it that would rotate at once if it could.
func newCRIDockerd(t *testing.T) (*testbed.CRIDockerd, *testbed.Shim, *testbed.Client) {
	t.Helper()
	fake, err := testbed.NewCRIDockerd(t.Context(), map[string]string{"max-size": "100k", "max-file": "1000", "compress": "true"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fake.Close(); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	shim, client := newShim(t, fake, func(c *config.Configuration) {
		c.Docker.Endpoint = fake.Engine()
		c.Rotation.MaxSize = 10_000
	})
	return fake, shim, client
}

// The stand-in for cri-dockerd passes the same suite through a shim that follows its logs
// meanwhile: so the shim is in nobody's way, and kubelet's own reopen gets the runtime's
// own answer.
func TestCRIDockerdConformsThroughTheShim(t *testing.T) {
	t.Parallel()
	fake, shim, _ := newCRIDockerd(t)
	conformRedirecting(t, redirectingBed{
		endpoint: shim.Endpoint(), engine: fake.Engine(), node: &fake.Node, runtime: fake,
		writer: []string{dockertest.Lines, "0", "20000"},
	})
	if told, err := shim.Warnings(); err != nil || len(told) > 0 {
		t.Errorf("the shim complains, %v:\n%s", err, strings.Join(told, "\n"))
	}
}

// Behind cri-dockerd, which speaks CRI v1, a link that has gone is made again, and Docker's
// rotations are counted and not disturbed.
func TestCRIDockerdIsFollowed(t *testing.T) {
	t.Parallel()
	fake, shim, client := newCRIDockerd(t)
	c, err := redirectingBed{node: &fake.Node}.run(t, client, dockertest.Lines, "0", "20000")
	if err != nil {
		t.Fatal(err)
	}
	log := c.Facts.LogPath
	target, err := os.Readlink(log)
	if err != nil {
		t.Fatal(err)
	}
	metricAtLeast(t, shim, 1, "cri_logshim_elsewhere_logs")
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(context.Context) error { return leadsTo(log, target) })
	metricAtLeast(t, shim, 2, "cri_logshim_elsewhere_rotations_total")
	c.Stop(t)
	found, err := testbed.Verify(log)
	if err != nil {
		t.Fatal(err)
	}
	if err := found.Complete("stdout", "stderr"); err != nil || len(found.Rotated) < 2 {
		t.Errorf("of %d files that Docker has rotated: %v", len(found.Rotated), err)
	}
}

// redirectingBed is a runtime that keeps the output in Docker's files, and how to reach it.
type redirectingBed struct {
	endpoint string // of CRI
	engine   string
	node     *testbed.Node
	runtime  testbed.Runtime
	writer   []string // a command that writes numbered lines to both streams
}

func conformRedirecting(t *testing.T, bed redirectingBed) {
	t.Helper()
	// The log manager's own way of asking, which finds out what CRI is spoken.
	conn, err := testbed.Dial(bed.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	client, err := bed.runtime.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	log := logrus.New()
	log.SetOutput(t.Output())
	runtime := docker.New(criruntime.New(conn.Conn), bed.engine, log)
	t.Cleanup(runtime.Close)
	runtimetest.ConformRedirecting(t, runtimetest.RedirectingEnv{
		Env: runtimetest.Env{
			Runtime:    runtime,
			PodLogsDir: bed.node.PodLogsDir,
			Run: func(t *testing.T) runtimetest.Instance {
				t.Helper()
				c, err := bed.run(t, client, bed.writer...)
				if err != nil {
					t.Fatal(err)
				}
				return c
			},
		},
		RunFailing: func(t *testing.T) runtimetest.Instance {
			t.Helper()
			c, err := bed.run(t, client, "no-such-command")
			if err == nil {
				t.Fatal("the start has not failed")
			}
			return c
		},
		Rotates: true,
	})
}

// run makes a pod with a container, and returns it with the error of its start.
func (b redirectingBed) run(t *testing.T, client *testbed.Client, command ...string) (runtimetest.Instance, error) {
	t.Helper()
	config := b.node.PodConfig("default", "conform")
	config.Labels["team"] = "web"
	config.Annotations = map[string]string{"cri-logshim.io/maxFiles": "7"}
	pod, err := client.RunPod(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := pod.Remove(ctx); err != nil {
			t.Error(err)
		}
	})
	c, err := pod.Create(t.Context(), testbed.ContainerConfig("app", 0, command...))
	if err != nil {
		t.Fatal(err)
	}
	return runtimetest.Instance{
		Facts: logmgr.Container{
			ID: c.ID, SandboxID: pod.ID, Namespace: "default", Pod: "conform", PodUID: config.Metadata.Uid, Name: "app",
			PodLabels: map[string]string{"team": "web"}, PodAnnotations: config.Annotations, LogPath: c.LogPath(), State: logmgr.StateRunning,
		},
		Stop: func(t *testing.T) {
			t.Helper()
			if err := c.Stop(t.Context(), time.Minute); err != nil {
				t.Fatal(err)
			}
			if _, err := c.WaitState(t.Context(), runtimeapi.ContainerState_CONTAINER_EXITED); err != nil {
				t.Fatal(err)
			}
		},
		Remove: func(t *testing.T) {
			t.Helper()
			if err := c.Remove(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
	}, c.Start(t.Context())
}
