package testbed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
)

// DockerOptions say how Docker is set.
type DockerOptions struct {
	// LogDriver is what keeps the output of containers that are created from then on; empty:
	// json-file, as it is by default.
	LogDriver string
	// LogOptions are the driver's, as max-size.
	LogOptions map[string]string
	// DataRoot is Docker's data directory, below which it has the logs, relative to Dir; empty:
	// docker.
	DataRoot string
	// DiesWithContainers makes containers end with dockerd, as they do by default. Otherwise
	// they live on.
	DiesWithContainers bool
}

// Docker is a private dockerd, and the containerd that it starts below itself. It knows the
// Image. Its methods are not to be called by several goroutines at once.
type Docker struct {
	// Options are what the next Start goes by.
	Options DockerOptions

	dir    string
	tools  dockerTools
	cgroup string
	engine *http.Client
	cell   *cell
	output *os.File
}

// newDocker starts dockerd with all that it makes within a folder and waits until it has the
// Image. Its cgroups, and those of its containers, are below one.
func newDocker(ctx context.Context, tools dockerTools, programs Programs, dir, cgroup string, options DockerOptions) (*Docker, error) {
	d := &Docker{Options: options, dir: dir, tools: tools, cgroup: cgroup}
	d.engine = newEngineClient(d.socket())
	err := d.prepare(programs)
	if err == nil {
		err = d.Start(ctx)
	}
	if err == nil {
		err = d.loadImage(ctx, programs)
	}
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// Endpoint is where dockerd serves its API.
func (d *Docker) Endpoint() string { return "unix://" + d.socket() }

func (d *Docker) socket() string { return filepath.Join(d.dir, "docker.sock") }

// DataRoot is the data directory of the next Start.
func (d *Docker) DataRoot() string {
	return filepath.Join(d.dir, cmp.Or(d.Options.DataRoot, "docker"))
}

// prepare makes the wrapper of runc and the cell.
func (d *Docker) prepare(programs Programs) (err error) {
	if err := os.WriteFile(d.runc(), []byte(runcWrapper(d.tools.runc)), 0o700); err != nil {
		return fmt.Errorf("write the wrapper of runc: %w", err)
	}
	if d.output, err = os.OpenFile(d.LogFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return fmt.Errorf("make dockerd's own log: %w", err)
	}
	d.cell, err = newCell(nil, programs.cell, d.output, d.tools.environment(), append([]string{d.tools.dockerd}, d.flags()...)...)
	return err
}

// Start writes the configuration, starts dockerd after a Stop or a Kill, and waits until it
// answers.
func (d *Docker) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	text, err := d.config()
	if err != nil {
		return err
	}
	if err := os.WriteFile(d.configFile(), text, 0o600); err != nil {
		return fmt.Errorf("write the configuration of dockerd: %w", err)
	}
	if err := d.cell.start(ctx); err != nil {
		return fmt.Errorf("start dockerd: %w\n%s", err, d.Log())
	}
	err = Until(ctx, func(ctx context.Context) error {
		if err := d.cell.exited(); err != nil {
			cancel()
			return err
		}
		_, err := d.Get(ctx, "/info")
		return err
	})
	if err != nil {
		return fmt.Errorf("start dockerd: %w\n%s", err, d.Log())
	}
	return nil
}

// Restart stops dockerd and starts it with other settings for the logs of new containers.
func (d *Docker) Restart(ctx context.Context, driver string, options map[string]string) error {
	d.Options.LogDriver, d.Options.LogOptions = driver, maps.Clone(options)
	if err := d.Stop(ctx); err != nil {
		return err
	}
	return d.Start(ctx)
}

// Stop stops dockerd as a service manager would, and waits for its end.
func (d *Docker) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, gentleTime)
	defer cancel()
	return d.cell.stop(ctx, syscall.SIGTERM)
}

// Kill ends dockerd at once, as a crash would, and waits for its end. The containerd below it
// ends too.
func (d *Docker) Kill(ctx context.Context) error { return d.cell.stop(ctx, syscall.SIGKILL) }

// Log is the end of what dockerd has logged itself.
func (d *Docker) Log() string { return tail(d.LogFile()) }

// LogFile is where every process of this dockerd logs itself.
func (d *Docker) LogFile() string { return filepath.Join(d.dir, "dockerd.log") }

// close ends dockerd, what is below it and all containers at once.
func (d *Docker) close() error {
	d.engine.CloseIdleConnections()
	var errs []error
	if d.cell != nil {
		errs = append(errs, d.cell.close())
	}
	if d.output != nil {
		errs = append(errs, d.output.Close())
	}
	return errors.Join(errs...)
}
