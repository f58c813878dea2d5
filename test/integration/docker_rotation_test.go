package integration

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// Docker rotates its own files under our links, and a collector that follows kubelet's kind of
// link and knows of rotated files has every line exactly once. The shim counts the rotations
// and takes no part in them, though its own limit is far lower.
func TestDockerRotatesUnderOurLinks(t *testing.T) {
	t.Parallel()
	dockershim := newDockershim(t, testbed.DockershimOptions{
		Docker: testbed.DockerOptions{LogOptions: map[string]string{"max-size": "1m", "max-file": "100"}},
	})
	shim, client := newShim(t, dockershim, func(c *config.Configuration) {
		c.Rotation.MaxSize = 64 << 10
		c.Node.MaxBytes = 1 << 20
	})
	otel := collect(t, testbed.NewOpenTelemetry, filepath.Join(dockershim.Dir, "otel"),
		filepath.Join(shim.Config.Links.LegacyDir, "*.log"), filepath.Join(dockershim.Docker.DataRoot(), "containers/*/*-json.log.*"))
	writer := runWaiting(t, client, dockershim.PodConfig("default", "writer"), "-stream=both", "-rate=1500000", "-duration=10s", "-stay")
	link := filepath.Join(shim.Config.Links.LegacyDir, "writer_default_app-"+writer.ID+".log")
	if err := os.Symlink(writer.LogPath(), link); err != nil { // at once, as kubelet does
		t.Fatal(err)
	}
	becomesLed(t, shim, writer) // what was rotated before the first look could not be seen
	tell(t, client, writer, "/begin")
	found := becomesComplete(t, writer, bothStreams)
	for _, stream := range []string{"stdout", "stderr"} {
		if found := collected(t, otel, stream); !found.Ended || found.Lost+found.Duplicated > 0 {
			t.Errorf("%s: %s: %v", otel.Name, stream, found)
		}
	}
	if found.Files < 10 {
		t.Errorf("docker has rotated into %d files", found.Files)
	}
	countsRotations(t, shim, writer, int64(found.Files-1))
	eventually(t, func(context.Context) error {
		blamed, err := shim.Logged("elsewhere_largest=")
		if err == nil && (len(blamed) == 0 || !strings.Contains(blamed[len(blamed)-1], "default/writer/app")) {
			err = fmt.Errorf("the node's budget is broken, and Docker's files are not named: %q", blamed)
		}
		return err
	})
}

// runWaiting runs a pod with one seqwriter that writes nothing until it is told /begin.
func runWaiting(t *testing.T, client *testbed.Client, pod *runtimeapi.PodSandboxConfig, args ...string) *testbed.Container {
	t.Helper()
	p, err := client.RunPod(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	script := "until [ -e /begin ]; do sleep 0.1; done; exec seqwriter " + strings.Join(args, " ")
	c, err := p.Run(t.Context(), testbed.ContainerConfig("app", 0, "sh", "-c", script))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// countsRotations waits until a shim with one container has counted a number of rotations by
// Docker, each look several, and no more.
func countsRotations(t *testing.T, shim *testbed.Shim, c *testbed.Container, want int64) {
	t.Helper()
	var told logmgr.ElsewhereLog
	eventually(t, func(ctx context.Context) (err error) {
		if told, err = elsewhereOf(ctx, shim, c); err == nil && told.Rotations < want {
			err = fmt.Errorf("the shim has counted %d rotations of %d", told.Rotations, want)
		}
		return err
	})
	total, err := shim.Metric(t.Context(), "cri_logshim_elsewhere_rotations_total")
	if err != nil || told.Rotations != want || total != float64(want) {
		t.Errorf("docker has rotated %d times: status %d, metrics %v, %v", want, told.Rotations, total, err)
	}
}

// With max-file and compress Docker keeps as many files as it was told, compressed but for the
// current one, and nobody else adds or removes one.
func TestDockerKeepsWhatItWasTold(t *testing.T) {
	t.Parallel()
	const files = 3
	dockershim := newDockershim(t, testbed.DockershimOptions{
		Docker: testbed.DockerOptions{LogOptions: map[string]string{"max-size": "100k", "max-file": fmt.Sprint(files), "compress": "true"}},
	})
	shim, client := newShim(t, dockershim, func(c *config.Configuration) {
		c.Rotation.MaxSize = 64 << 10
		c.Rotation.MaxFiles = 2
	})
	writer := runWriter(t, client, dockershim.PodConfig("default", "writer"), "-rate=400000", "-duration=5s", "-stay")
	metricAtLeast(t, shim, 1, "cri_logshim_elsewhere_rotations_total")
	metricAtLeast(t, shim, 20_000, "cri_logshim_elsewhere_bytes")
	since := func(v testbed.Verification) error { return v.CompleteSince("stdout") }
	becomesComplete(t, writer, since)
	if err := writer.Stop(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	exited(t, writer)
	log, err := dockershim.Docker.LogFileOf(t.Context(), writer.ID)
	if err != nil {
		t.Fatal(err)
	}
	// Docker compresses beside writing.
	eventually(t, func(context.Context) error {
		entries, err := os.ReadDir(filepath.Dir(log))
		if err != nil {
			return err
		}
		var names []string
		for _, e := range entries {
			if rest, is := strings.CutPrefix(e.Name(), filepath.Base(log)); is {
				names = append(names, rest)
			}
		}
		if want := []string{"", ".1.gz", ".2.gz"}; !slices.Equal(names, want) {
			return fmt.Errorf("docker's files are %q instead of %q", names, want)
		}
		return nil
	})
	if err := leadsTo(writer.LogPath(), log); err != nil {
		t.Error(err)
	}
	found, err := testbed.Verify(writer.LogPath())
	if err == nil {
		err = since(found)
	}
	if err != nil {
		t.Error(err)
	}
}

// A container whose output Docker keeps in no file that could be linked to has no link, and
// that is told once for each way of keeping it, as no error.
func TestOtherLogDriversHaveNoLink(t *testing.T) {
	t.Parallel()
	l := newDockerLinks(t, testbed.DockerOptions{LogOptions: map[string]string{"max-size": "1m"}})
	linked := l.run(t, l.pod(t, "linked"), 0)
	drivers := []string{"local", "none"}
	var containers []*testbed.Container
	for _, driver := range drivers {
		if err := l.dockershim.Docker.Restart(t.Context(), driver, nil); err != nil {
			t.Fatal(err)
		}
		for n := range 2 {
			c := l.run(t, l.pod(t, fmt.Sprint(driver, n)), 0)
			containers = append(containers, c)
			eventually(t, func(ctx context.Context) error { return hasDriver(ctx, l.shim, c, driver) })
		}
	}
	// All are looked at together: what was looked at twice had all others looked at in between.
	for range 2 {
		remove(t, linked.LogPath())
		l.becomesRight(t, linked)
	}
	for _, c := range containers {
		if _, err := os.Lstat(c.LogPath()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("container %q: there is something at %q: %v", c.Pod.Config.Metadata.Name, c.LogPath(), err)
		}
	}
	for _, driver := range drivers {
		if told, err := l.shim.Logged("driver=" + driver); err != nil || len(told) != 1 {
			t.Errorf("the shim has told of driver %s %d times: %q, %v", driver, len(told), told, err)
		}
	}
	if failed, err := l.shim.Metric(t.Context(), "cri_logshim_failures_total", `step="link"`); err != nil || failed > 0 {
		t.Errorf("the shim could not make %v links, %v", failed, err)
	}
	if complaints, err := l.shim.Logged("level=error"); err != nil || len(complaints) > 0 {
		t.Errorf("the shim has errors: %q %v", complaints, err)
	}
}

// hasDriver is an error unless a shim knows a container with a log driver that has no file.
func hasDriver(ctx context.Context, shim *testbed.Shim, c *testbed.Container, driver string) error {
	told, err := elsewhereOf(ctx, shim, c)
	if err == nil && (told.Driver != driver || told.File != "") {
		err = fmt.Errorf("the shim knows a container with driver %s as %+v", driver, told)
	}
	return err
}
