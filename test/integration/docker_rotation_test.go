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

	"github.com/cri-logshim/cri-logshim/config"
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
	writer := runWriter(t, client, dockershim.PodConfig("default", "writer"), "-stream=both", "-rate=1500000", "-duration=10s")
	link := filepath.Join(shim.Config.Links.LegacyDir, "writer_default_app-"+writer.ID+".log")
	if err := os.Symlink(writer.LogPath(), link); err != nil { // at once, as kubelet does
		t.Fatal(err)
	}
	metricAtLeast(t, shim, 1, "cri_logshim_elsewhere_rotations_total")
	exited(t, writer)
	for _, stream := range []string{"stdout", "stderr"} {
		if found := collected(t, otel, stream); !found.Ended || found.Lost+found.Duplicated > 0 {
			t.Errorf("%s: %s: %v", otel.Name, stream, found)
		}
	}
	found, err := testbed.Verify(writer.LogPath())
	if err != nil {
		t.Fatal(err)
	}
	if err := found.Complete("stdout", "stderr"); err != nil {
		t.Error(err)
	}
	if found.Files < 10 {
		t.Errorf("docker has rotated into %d files", found.Files)
	}
	eventually(t, func(context.Context) error {
		blamed, err := shim.Logged("elsewhere_largest=")
		if err == nil && (len(blamed) == 0 || !strings.Contains(blamed[len(blamed)-1], "default/writer/app")) {
			err = fmt.Errorf("the node's budget is broken, and Docker's files are not named: %q", blamed)
		}
		return err
	})
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
		err = found.CompleteSince("stdout")
	}
	if err != nil {
		t.Error(err)
	}
}

// A container whose output Docker keeps in no file that could be linked to has no link, and
// that is told once for each way of keeping it, as no error.
func TestOtherLogDriversHaveNoLink(t *testing.T) {
	t.Parallel()
	dockershim := newDockershim(t, testbed.DockershimOptions{Docker: testbed.DockerOptions{LogDriver: "local"}})
	shim, client := newShim(t, dockershim, nil)
	for _, driver := range []string{"local", "none"} {
		if driver != dockershim.Docker.Options.LogDriver {
			if err := dockershim.Docker.Restart(t.Context(), driver, nil); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 2 {
			c := runWriter(t, client, dockershim.PodConfig("default", fmt.Sprint(driver, n)), "-count=10", "-stay")
			if _, err := os.Lstat(c.LogPath()); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("driver %s: there is something at %q: %v", driver, c.LogPath(), err)
			}
		}
		eventually(t, func(context.Context) error { return toldOnce(shim, driver) })
	}
	if complaints, err := shim.Logged("level=error"); err != nil || len(complaints) > 0 {
		t.Errorf("the shim has errors: %q %v", complaints, err)
	}
}

// toldOnce is an error unless a shim has told of a log driver, and not twice.
func toldOnce(shim *testbed.Shim, driver string) error {
	told, err := shim.Logged("driver=" + driver)
	if err == nil && len(told) != 1 {
		err = fmt.Errorf("the shim has told of driver %s %d times: %q", driver, len(told), told)
	}
	return err
}
