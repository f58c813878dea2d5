package integration

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/criruntime"
	"github.com/cri-logshim/cri-logshim/logmgr/docker"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// What the real Docker says of containers' output is what it was told, and what is found in
// its data directory without it is the same: of containers that run, were only created or
// could not be started, and with a driver that has no file for anybody.
func TestDockerTellsWhereLogsAre(t *testing.T) {
	t.Parallel()
	d := newToldDocker(t)
	d.expect(d.create(t, "created"), "")
	running := d.start(t, d.create(t, "running"))
	d.expect(running, d.fileOf(t, running))
	failed := d.fail(t, "failed")
	d.expect(failed, d.fileOf(t, failed))
	gone := d.create(t, "gone")
	engine := d.dockershim.Docker
	if err := engine.Restart(t.Context(), "local", nil); err != nil {
		t.Fatal(err)
	}
	d.want[d.start(t, d.create(t, "local")).ID] = logmgr.Redirection{Elsewhere: true, Driver: "local"}

	d.check(t, "what the engine says")
	if err := gone.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := d.runtime.Redirect(t.Context(), gone.ID); !errors.Is(err, logmgr.ErrNotFound) {
		t.Errorf("of a removed container it is told: %+v, %v", got, err)
	}
	if err := engine.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.checkAs(t, "what is found without the engine", func(to *logmgr.Redirection) { to.Provisional = true })
	if got, err := d.runtime.Redirect(t.Context(), gone.ID); err == nil {
		t.Errorf("of a removed container it is found without the engine: %+v", got)
	}
	if err := engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.check(t, "what the engine says after its return")
}

// toldDocker is a Docker with limits for its logs, who asks it where they are, and what is to
// be answered.
type toldDocker struct {
	dockershim *testbed.Dockershim
	pod        *testbed.Pod
	runtime    *docker.Runtime
	want       map[string]logmgr.Redirection // by container
}

func newToldDocker(t *testing.T) *toldDocker {
	t.Helper()
	d := &toldDocker{want: map[string]logmgr.Redirection{}}
	d.dockershim = newDockershim(t, testbed.DockershimOptions{Docker: testbed.DockerOptions{
		LogOptions: map[string]string{"max-size": "2m", "max-file": "3", "compress": "true"},
	}})
	client, err := d.dockershim.Dial()
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(t.Output())
	d.runtime = docker.New(criruntime.New(client.Conn), d.dockershim.Docker.Endpoint(), log)
	t.Cleanup(func() {
		d.runtime.Close()
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	if d.pod, err = client.RunPod(t.Context(), d.dockershim.PodConfig("default", "told")); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *toldDocker) create(t *testing.T, name string, command ...string) *testbed.Container {
	t.Helper()
	if len(command) == 0 {
		command = []string{"sh", "-c", "exec sleep 1000000"}
	}
	c, err := d.pod.Create(t.Context(), testbed.ContainerConfig(name, 0, command...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (d *toldDocker) start(t *testing.T, c *testbed.Container) *testbed.Container {
	t.Helper()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// fail makes a container whose start fails.
func (d *toldDocker) fail(t *testing.T, name string) *testbed.Container {
	t.Helper()
	c := d.create(t, name, "/none")
	if c.Start(t.Context()) == nil {
		t.Fatal("a program that is not there was started")
	}
	return c
}

// fileOf is the file that Docker names.
func (d *toldDocker) fileOf(t *testing.T, c *testbed.Container) string {
	t.Helper()
	file, err := d.dockershim.Docker.LogFileOf(t.Context(), c.ID)
	if err != nil || file == "" {
		t.Fatalf("Docker names no file of container %q: %v", c.Config.Metadata.Name, err)
	}
	return file
}

// expect has a container's file be known from then on, with the limits that Docker was told.
func (d *toldDocker) expect(c *testbed.Container, file string) {
	d.want[c.ID] = logmgr.Redirection{Elsewhere: true, Driver: logmgr.JSONFile, Path: file, MaxSize: 2e6, MaxFiles: 3}
}

func (d *toldDocker) check(t *testing.T, who string) {
	t.Helper()
	d.checkAs(t, who, func(*logmgr.Redirection) {})
}

// checkAs is check where what is told differs in a way.
func (d *toldDocker) checkAs(t *testing.T, who string, differs func(*logmgr.Redirection)) {
	t.Helper()
	for id, want := range d.want {
		differs(&want)
		got, err := d.runtime.Redirect(t.Context(), id)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s of container %s: %v, (-want +got):\n%s", who, id, err, diff)
		}
	}
}
