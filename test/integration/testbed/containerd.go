package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// baseDir is where the testbed's folders lie. It is on a disk, as logs are, where /tmp
// is often kept in memory; and it is short, as the path of a socket must be.
const baseDir = "/var/tmp"

const (
	startTime  = 60 * time.Second // for a containerd to come up on a busy machine
	gentleTime = 20 * time.Second // for it to end after SIGTERM
)

// Containerd is a private containerd with its pods. Its methods are not to be called by
// several goroutines at once.
type Containerd struct {
	Install
	Node
	cell   *cell
	output *os.File
}

// New starts a containerd and waits until it takes CRI calls and has the Image. After an
// error nothing is left of it.
func New(ctx context.Context, install Install, programs Programs) (*Containerd, error) {
	dir, err := NewFolder(baseDir)
	if err != nil {
		return nil, fmt.Errorf("make a folder for containerd: %w", err)
	}
	c := &Containerd{Install: install, Node: newNode(dir, "containerd.sock", install.VarLog)}
	err = c.prepare(programs)
	if err == nil {
		err = c.Start(ctx)
	}
	if err == nil {
		err = c.importImage(ctx, programs)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// prepare makes the folders, the configuration and the cell.
func (c *Containerd) prepare(programs Programs) error {
	if err := os.MkdirAll(c.PodLogsDir, 0o755); err != nil {
		return fmt.Errorf("make a folder for pod logs: %w", err)
	}
	file := filepath.Join(c.Dir, "config.toml")
	text, err := containerdConfig(c.Install, placesIn(c.Dir))
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return fmt.Errorf("write the containerd configuration: %w", err)
	}
	if c.output, err = os.OpenFile(c.LogFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return fmt.Errorf("make containerd's own log: %w", err)
	}
	env := []string{"PATH=" + c.Folder + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	c.cell, err = newCell(nil, programs.cell, c.output, env, append(c.varLog.cellFlags(), c.containerd(), "--config", file)...)
	return err
}

// Start starts containerd after a Stop or a Kill, and waits until it takes CRI calls.
// Pods live on in between.
func (c *Containerd) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := c.cell.start(ctx); err != nil {
		return fmt.Errorf("start containerd %s: %w\n%s", c.Version, err, c.Log())
	}
	client, err := c.Dial()
	if err != nil {
		return err
	}
	err = Until(ctx, func(ctx context.Context) error {
		if err := c.cell.exited(); err != nil {
			cancel()
			return err
		}
		return client.ready(ctx)
	})
	if err != nil {
		err = fmt.Errorf("start containerd %s: %w\n%s", c.Version, err, c.Log())
	}
	return errors.Join(err, client.Close())
}

// Stop stops containerd as a service manager would, and waits for its end.
func (c *Containerd) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, gentleTime)
	defer cancel()
	return c.cell.stop(ctx, syscall.SIGTERM)
}

// Kill ends containerd at once, and waits for its end.
func (c *Containerd) Kill(ctx context.Context) error { return c.cell.stop(ctx, syscall.SIGKILL) }

// Log is the end of what containerd has logged itself.
func (c *Containerd) Log() string { return tail(c.LogFile()) }

// LogFile is where containerd logs itself.
func (c *Containerd) LogFile() string { return filepath.Join(c.Dir, "containerd.log") }

// Close ends containerd and all of its pods at once and removes what they left: processes,
// mounts, cgroups and folders.
func (c *Containerd) Close() error {
	var errs []error
	if c.cell != nil {
		errs = append(errs, c.cell.close())
	}
	if c.output != nil {
		errs = append(errs, c.output.Close())
	}
	return errors.Join(append(errs, Sweep(c.Dir))...)
}

// Sweep removes the folders and cgroups of a containerd by its Dir. Close does it; it is
// for a containerd whose maker was killed, when that has ended its processes.
func Sweep(dir string) error {
	return errors.Join(removeCgroups(cgroupOf(dir)), os.RemoveAll(dir))
}

// importImage gives containerd the one image that it knows.
func (c *Containerd) importImage(ctx context.Context, programs Programs) error {
	client, err := c.Dial()
	if err != nil {
		return err
	}
	return errors.Join(importImage(ctx, c.Install, programs, client, c.socket, c.Dir), client.Close())
}

// importImage gives the containerd behind a socket the one image that it knows. The folder
// holds it meanwhile.
func importImage(ctx context.Context, install Install, programs Programs, client *Client, socket, folder string) error {
	file := filepath.Join(folder, "image.tar")
	out, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("make the image: %w", err)
	}
	if err := errors.Join(writeImage(out, install.Busybox, programs.SeqWriter), out.Close()); err != nil {
		return fmt.Errorf("make the image: %w", err)
	}
	args := []string{"--address", socket, "--namespace", "k8s.io", "images", "import", file}
	if printed, err := exec.CommandContext(ctx, install.ctr(), args...).CombinedOutput(); err != nil {
		return fmt.Errorf("import the image: %w\n%s", err, printed)
	}
	// CRI learns of the image from an event.
	err = Until(ctx, func(ctx context.Context) error { return client.hasImage(ctx, Image) })
	return errors.Join(err, os.Remove(file))
}

// cgroupOf is the parent of the cgroups of all pods of the containerd in dir.
func cgroupOf(dir string) string { return "/" + filepath.Base(dir) }
