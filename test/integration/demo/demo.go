package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

const (
	limit      = 10 << 20 // bytes, as kubelet's default
	maxFiles   = 10_000   // none is removed, so that every line can be counted
	lineLength = 128      // bytes
	lineOnDisk = 180      // bytes at most, with what containerd adds
	mostLines  = 5_000_000
)

// demo is one run.
type demo struct {
	screen   *screen
	duration time.Duration
}

// run goes through the whole demo. Whatever was made when an error or ctx ends it is
// removed before it returns.
func (d *demo) run(ctx context.Context, folder string) (err error) {
	d.screen.say("Building cri-logshim ...")
	programs, err := testbed.Build(ctx, folder)
	if err != nil {
		return err
	}
	install, err := testbed.Installed(testbed.Demo)
	if err != nil {
		return err
	}
	containerd, err := testbed.New(ctx, install, programs)
	if err != nil {
		return err
	}
	defer cleanUp(&err, containerd.Close)
	d.screen.say("folder      %s holds all of the demo, paths below are in it", containerd.Dir)
	d.screen.say("containerd  %s, private", containerd.Version)

	shim, err := testbed.NewShim(ctx, containerd, programs, configure)
	if err != nil {
		return err
	}
	defer cleanUp(&err, shim.Close)
	d.screen.say("cri-logshim before it, process %d, log limit %s", shim.PID(), mebibytes(limit))

	d.screen.say("to look on  %s top --config %s", programs.Shim, shim.ConfigFile())

	log, err := d.flood(ctx, containerd, shim)
	if err != nil {
		return err
	}
	if err := shim.Stop(ctx); err != nil {
		return err
	}
	return d.count(log)
}

func configure(c *config.Configuration) {
	c.Rotation.MaxSize = config.Size(limit)
	c.Rotation.MaxFiles = maxFiles
	c.Rotation.MaxFilesUnread = maxFiles
	c.Rotation.CompressAfter = 3 * time.Second // early, to show it
	c.Node = config.Node{}                     // a disk that is nearly full deletes no line of the demo
}

// flood runs the pod through the shim, shows its log until it has exited, and removes it.
// It returns the path of the log, which stays.
func (d *demo) flood(ctx context.Context, containerd *testbed.Containerd, shim *testbed.Shim) (log string, err error) {
	lines, err := linesFor(containerd.Dir)
	if err != nil {
		return "", err
	}
	client, err := shim.Dial()
	if err != nil {
		return "", err
	}
	defer cleanUp(&err, client.Close)
	pod, err := client.RunPod(ctx, containerd.PodConfig("default", "flood"))
	if err != nil {
		return "", err
	}
	writer, err := pod.Run(ctx, testbed.ContainerConfig("app", 0, "seqwriter", "-stream", "both",
		"-duration", d.duration.String(), "-count", strconv.FormatInt(lines, 10), "-length", strconv.Itoa(lineLength)))
	if err != nil {
		return "", err
	}
	within := func(path string) string { return strings.TrimPrefix(path, containerd.Dir+"/") }
	d.screen.say("pod         default/flood, made through %s", within(strings.TrimPrefix(shim.Config.Listen, "unix://")))
	d.screen.say("log         %s", within(writer.LogPath()))
	if err := d.watch(ctx, writer, newLinks(shim.Config.Links.LegacyDir, within)); err != nil {
		return "", fmt.Errorf("%w\n%s", err, shim.Log())
	}
	return writer.LogPath(), pod.Remove(ctx)
}

// linesFor is how many lines may be written to each of the two streams: enough for any
// disk's speed, but no more than half of the free space takes.
func linesFor(dir string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, fmt.Errorf("ask for the free space of %q: %w", dir, err)
	}
	free := int64(fs.Bavail) * fs.Bsize
	lines := min(mostLines, free/2/2/lineOnDisk)
	if lines*2*lineOnDisk < 10*limit {
		return 0, fmt.Errorf("%q has only %s free, which is too little to show anything", filepath.Dir(dir), mebibytes(free))
	}
	return lines, nil
}

// watch shows the log until the writer has exited.
func (d *demo) watch(ctx context.Context, writer *testbed.Container, links *links) error {
	tick := time.NewTicker(d.screen.interval)
	defer tick.Stop()
	m := newMeter(writer.LogPath())
	for {
		if err := m.look(); err != nil {
			return err
		}
		for _, link := range links.appeared() {
			d.screen.say("link        %s", link)
		}
		d.screen.status("%s", m)
		status, err := writer.Status(ctx)
		if err != nil {
			return err
		}
		if status.State == runtimeapi.ContainerState_CONTAINER_EXITED {
			d.screen.keepStatus()
			if status.ExitCode != 0 {
				return fmt.Errorf("the writer ended with exit code %d", status.ExitCode)
			}
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if d.screen.err != nil {
			return d.screen.err // nobody looks on
		}
	}
}

// count reads every file back and tells what was found.
func (d *demo) count(log string) error {
	d.screen.say("Reading every file back ...")
	found, err := testbed.Verify(log)
	if err != nil {
		return err
	}
	for _, line := range table(found) {
		d.screen.say("%s", line)
	}
	if err := found.Complete("stdout", "stderr"); err != nil {
		return fmt.Errorf("the log is not complete: %w", err)
	}
	return nil
}
