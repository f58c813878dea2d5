package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// dockerLinks makes containers of Docker through a shim and looks at their links.
type dockerLinks struct {
	dockershim *testbed.Dockershim
	shim       *testbed.Shim
	client     *testbed.Client // of the shim
}

// Whatever becomes of a link on the way, the log of a container ends up leading to the file
// that Docker writes. Docker's files lie in a folder that is not its own by default.
func TestLinksLeadToDockersFiles(t *testing.T) {
	t.Parallel()
	l := newDockerLinks(t, testbed.DockerOptions{DataRoot: "elsewhere"})
	t.Run("together", func(t *testing.T) { // since they wait for the same looks
		for name, check := range map[string]func(t *testing.T){
			"every attempt":           l.everyAttempt,
			"a failed start":          l.failedStart,
			"no directory":            l.noDirectory,
			"very old layout":         l.veryOldLayout,
			"tampered with":           l.tamperedWith,
			"removed past dockershim": l.removedPastDockershim,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				check(t)
			})
		}
	})
	t.Run("the shim was away", l.shimWasAway)
	t.Run("docker was away", l.dockerWasAway)
	l.checkUntouched(t)
}

func newDockerLinks(t *testing.T, o testbed.DockerOptions) *dockerLinks {
	t.Helper()
	l := &dockerLinks{dockershim: newDockershim(t, testbed.DockershimOptions{Docker: o})}
	l.shim, l.client = newShim(t, l.dockershim, func(c *config.Configuration) { c.Log.Level = config.LogDebug }) // to tell of each link
	return l
}

// pod runs a pod.
func (l *dockerLinks) pod(t *testing.T, name string) *testbed.Pod {
	t.Helper()
	pod, err := l.client.RunPod(t.Context(), l.dockershim.PodConfig("default", name))
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

// sleeper is a container that stays.
func sleeper(attempt uint32) *runtimeapi.ContainerConfig {
	return testbed.ContainerConfig("app", attempt, "sh", "-c", "echo started; exec sleep 1000000")
}

func (l *dockerLinks) run(t *testing.T, pod *testbed.Pod, attempt uint32) *testbed.Container {
	t.Helper()
	c, err := pod.Run(t.Context(), sleeper(attempt))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// right is an error unless a container's log leads to Docker's file.
func (l *dockerLinks) right(ctx context.Context, c *testbed.Container) error {
	file, err := l.dockershim.Docker.LogFileOf(ctx, c.ID)
	if err != nil {
		return err
	}
	return leadsTo(c.LogPath(), file)
}

// becomesRight waits until it does.
func (l *dockerLinks) becomesRight(t *testing.T, c *testbed.Container) {
	t.Helper()
	eventually(t, func(ctx context.Context) error { return l.right(ctx, c) })
}

// becomesLed waits until a shim knows in which file a container's log is, and has looked at it.
func becomesLed(t *testing.T, shim *testbed.Shim, c *testbed.Container) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		told, err := elsewhereOf(ctx, shim, c)
		if err == nil && told.File == "" {
			err = errors.New("the shim does not know the container's file")
		}
		return err
	})
}

// elsewhereOf is what a shim tells of a container whose log is elsewhere; it is an error if it
// does not know that.
func elsewhereOf(ctx context.Context, shim *testbed.Shim, c *testbed.Container) (logmgr.ElsewhereLog, error) {
	text, err := shim.Status(ctx)
	if err != nil {
		return logmgr.ElsewhereLog{}, err
	}
	var status logmgr.Status
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		return logmgr.ElsewhereLog{}, fmt.Errorf("read the shim's status: %w", err)
	}
	for _, told := range status.Elsewhere {
		if told.Path == c.LogPath() {
			return told, nil
		}
	}
	return logmgr.ElsewhereLog{}, fmt.Errorf("the shim does not know container %q of pod %q", c.ID, c.Pod.Config.Metadata.Name)
}

// checkMade checks whether the shim has made a container's link, which dockershim makes too.
func (l *dockerLinks) checkMade(t *testing.T, c *testbed.Container, want bool) {
	t.Helper()
	told, err := l.shim.Logged("the log path was led to the runtime's file")
	told = slices.DeleteFunc(told, func(line string) bool { return !strings.Contains(line, " path="+c.LogPath()+" ") })
	if err != nil || len(told) > 0 != want {
		t.Errorf("the shim is to have made the link %q itself: %t, and it tells: %q, %v", c.LogPath(), want, told, err)
	}
}

// becomesNone waits until there is nothing at a container's log path.
func becomesNone(t *testing.T, c *testbed.Container) {
	t.Helper()
	eventually(t, func(context.Context) error {
		_, err := os.Lstat(c.LogPath())
		if err == nil {
			return fmt.Errorf("there is something at %q", c.LogPath())
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// everyAttempt: each of a container's attempts has one link of its own, which dockershim makes,
// nobody makes again, and which goes with the attempt.
func (l *dockerLinks) everyAttempt(t *testing.T) {
	t.Helper()
	pod := l.pod(t, "attempts")
	var attempts []*testbed.Container
	for attempt := range uint32(3) {
		c := l.run(t, pod, attempt)
		attempts = append(attempts, c)
		if err := c.Stop(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range attempts {
		l.becomesRight(t, c)
		becomesLed(t, l.shim, c)
	}
	entries, err := os.ReadDir(filepath.Dir(attempts[0].LogPath()))
	if err != nil || len(entries) != len(attempts) {
		t.Errorf("%d attempts have left %v, %v", len(attempts), entries, err)
	}
	for _, c := range attempts {
		if err := c.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
		becomesNone(t, c)
		l.checkMade(t, c, false)
	}
}

// failedStart: a container that could not be started has a log, too, and dockershim links it.
func (l *dockerLinks) failedStart(t *testing.T) {
	t.Helper()
	c, err := l.pod(t, "failed").Create(t.Context(), testbed.ContainerConfig("app", 0, "/none"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err == nil {
		t.Fatal("a program that is not there was started")
	}
	l.becomesRight(t, c)
	becomesLed(t, l.shim, c)
	l.checkMade(t, c, false)
}

// noDirectory: dockershim leaves making the pod's directory to its caller, and complains of it
// only after it has started the container.
func (l *dockerLinks) noDirectory(t *testing.T) {
	t.Helper()
	pod := l.pod(t, "homeless")
	c, err := pod.Create(t.Context(), sleeper(0))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(pod.Config.LogDirectory); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err == nil {
		t.Log("dockershim did not complain")
	}
	if _, err := c.WaitState(t.Context(), runtimeapi.ContainerState_CONTAINER_RUNNING); err != nil {
		t.Fatal(err)
	}
	l.becomesRight(t, c)
}

// veryOldLayout: pods had their directory by their uid alone.
func (l *dockerLinks) veryOldLayout(t *testing.T) {
	t.Helper()
	config := l.dockershim.PodConfig("default", "old")
	config.LogDirectory = filepath.Join(l.dockershim.PodLogsDir, config.Metadata.Uid)
	pod, err := l.client.RunPod(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	c := l.run(t, pod, 0)
	remove(t, c.LogPath())
	l.becomesRight(t, c)
}

// tamperedWith: a link that was removed or leads elsewhere is put right, one that is right
// is left alone, and a file that somebody has put there is nobody's to remove.
func (l *dockerLinks) tamperedWith(t *testing.T) {
	t.Helper()
	pod := l.pod(t, "tampered")
	var containers []*testbed.Container
	for attempt := range uint32(4) {
		c := l.run(t, pod, attempt)
		l.becomesRight(t, c)
		containers = append(containers, c)
	}
	right, removed, led, file := containers[0], containers[1], containers[2], containers[3]
	before := identity(t, right.LogPath())
	remove(t, removed.LogPath())
	leadAstray(t, led.LogPath())
	if err := os.WriteFile(file.LogPath()+".new", []byte("mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file.LogPath()+".new", file.LogPath()); err != nil {
		t.Fatal(err)
	}
	l.becomesRight(t, removed)
	l.becomesRight(t, led)
	eventually(t, func(context.Context) error { // the last one was looked at, too
		complaints, err := l.shim.Logged("a file lies where the link")
		if err == nil && len(complaints) == 0 {
			err = errors.New("the shim says nothing of a file in the place of a link")
		}
		return err
	})
	if content, err := os.ReadFile(file.LogPath()); string(content) != "mine\n" {
		t.Errorf("somebody's file has become %q, %v", content, err)
	}
	l.checkMade(t, removed, true)
	l.checkMade(t, right, false)
	if now := identity(t, right.LogPath()); now != before {
		t.Errorf("a link that was right has been made again: %v, before %v", now, before)
	}
}

// removedPastDockershim: who removes a container with Docker's own tools leaves the link, which
// then leads nowhere.
func (l *dockerLinks) removedPastDockershim(t *testing.T) {
	t.Helper()
	c := l.run(t, l.pod(t, "past"), 0)
	l.becomesRight(t, c)
	becomesLed(t, l.shim, c)
	if err := l.dockershim.Docker.Remove(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	becomesNone(t, c)
}

// leadAstray leads a link to what is not there, in one step.
func leadAstray(t *testing.T, link string) {
	t.Helper()
	if err := os.Symlink("/elsewhere", link+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+".new", link); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, file string) {
	t.Helper()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}

// identity is which file it is, and since when it is what it is.
func identity(t *testing.T, file string) [2]int64 {
	t.Helper()
	info, err := os.Lstat(file)
	if err != nil {
		t.Fatal(err)
	}
	return [2]int64{int64(info.Sys().(*syscall.Stat_t).Ino), info.ModTime().UnixNano()}
}

// shimWasAway: what has happened to a link without a shim is put right by the next one.
func (l *dockerLinks) shimWasAway(t *testing.T) {
	c := l.run(t, l.pod(t, "alone"), 0)
	l.becomesRight(t, c)
	if err := l.shim.Kill(); err != nil {
		t.Fatal(err)
	}
	remove(t, c.LogPath())
	if err := l.shim.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.becomesRight(t, c)
}

// dockerWasAway: Docker and dockershim crash and come back under the containers, of which the
// links are looked after from then on, too.
func (l *dockerLinks) dockerWasAway(t *testing.T) {
	c := l.run(t, l.pod(t, "survivor"), 0)
	l.becomesRight(t, c)
	for _, step := range []func(context.Context) error{l.dockershim.Kill, l.dockershim.Docker.Kill, l.dockershim.Docker.Start, l.dockershim.Start} {
		if err := step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	remove(t, c.LogPath())
	l.becomesRight(t, c)
	l.becomesRight(t, l.run(t, l.pod(t, "next"), 0))
}

// Docker's data directory may be moved between two lives of Docker, as to a larger disk: the
// logs of what is started then are where they are then, and those of what has ended with it
// are found there by the next shim, though Docker names them where they have been. The same
// shim would ask in a minute.
func TestDockersDataIsMoved(t *testing.T) {
	t.Parallel()
	l := newDockerLinks(t, testbed.DockerOptions{DiesWithContainers: true})
	ended := l.run(t, l.pod(t, "before"), 0)
	l.becomesRight(t, ended)
	becomesLed(t, l.shim, ended)
	docker := l.dockershim.Docker
	if err := docker.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := docker.DataRoot()
	docker.Options.DataRoot = "elsewhere"
	if err := os.Rename(before, docker.DataRoot()); err != nil {
		t.Fatal(err)
	}
	if err := docker.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := l.run(t, l.pod(t, "after"), 0)
	l.becomesRight(t, c)
	if target, err := os.Readlink(c.LogPath()); !strings.HasPrefix(target, docker.DataRoot()) {
		t.Errorf("the log leads to %q, which is not below %q: %v", target, docker.DataRoot(), err)
	}
	file := filepath.Join(docker.DataRoot(), "containers", ended.ID, ended.ID+"-json.log")
	if named, err := docker.LogFileOf(t.Context(), ended.ID); err != nil || !strings.HasPrefix(named, before+"/") {
		t.Errorf("Docker names the log of what has ended %q, %v, and not where it has been", named, err)
	}
	if err := errors.Join(l.shim.Kill(), l.shim.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(context.Context) error { return leadsTo(ended.LogPath(), file) })
	if text, err := os.ReadFile(ended.LogPath()); err != nil || !strings.Contains(string(text), "started") {
		t.Errorf("the log of what has ended is %q, %v", text, err)
	}
}

// checkUntouched checks that there is nothing beside Docker's own files in the folders of its
// containers.
func (l *dockerLinks) checkUntouched(t *testing.T) {
	t.Helper()
	files, err := filesOfContainers(l.dockershim.Docker)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		of := filepath.Base(filepath.Dir(file))
		own := []string{"config.v2.json", "hostconfig.json", "hostname", "hosts", "resolv.conf", "resolv.conf.hash"}
		log, is := strings.CutPrefix(name, of+"-json.log")
		if !slices.Contains(own, name) && !(is && regexp.MustCompile(`^(\.\d+)?$`).MatchString(log)) {
			t.Errorf("%q is none of Docker's files", file)
		}
	}
}

// filesOfContainers are the files that lie in the folders of Docker's containers.
func filesOfContainers(docker *testbed.Docker) (files []string, err error) {
	root := filepath.Join(docker.DataRoot(), "containers")
	containers, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	for _, c := range containers {
		entries, err := os.ReadDir(filepath.Join(root, c.Name()))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if !e.IsDir() {
				files = append(files, filepath.Join(root, c.Name(), e.Name()))
			}
		}
	}
	return files, nil
}
