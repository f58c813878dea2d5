package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// DockershimVersion is that of the kubelet which the dockershim was a part of.
const DockershimVersion = OldestKubelet

// Dockershim is the real dockershim with a private Docker behind it. It speaks CRI v1alpha2
// and no other. Its methods are not to be called by several goroutines at once.
type Dockershim struct {
	Node
	// Docker is what is behind it.
	Docker *Docker

	cell   *cell
	output *os.File
}

// DockershimOptions say how a Dockershim is made.
type DockershimOptions struct {
	Docker DockerOptions
	// VarLog is as an Install's.
	VarLog bool
}

// NewDockershim starts Docker and a dockershim and waits until CRI calls are taken and the
// Image is there. After an error nothing is left of it.
func NewDockershim(ctx context.Context, programs Programs, o DockershimOptions) (*Dockershim, error) {
	tools, err := findDocker()
	if err != nil {
		return nil, err
	}
	dir, err := NewFolder(baseDir)
	if err != nil {
		return nil, fmt.Errorf("make a folder for docker: %w", err)
	}
	s := &Dockershim{Node: newNode(dir, "dockershim.sock", o.VarLog)}
	s.alphaAPI = true
	if err = os.MkdirAll(s.PodLogsDir, 0o755); err != nil {
		err = fmt.Errorf("make a folder for pod logs: %w", err)
	}
	if err == nil {
		s.Docker, err = newDocker(ctx, tools, programs, dir, s.cgroup(), o.Docker)
	}
	if err == nil {
		s.engine = s.Docker.Endpoint()
		err = s.prepare(ctx, programs)
	}
	if err == nil {
		err = s.Start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// prepare makes the cell.
func (s *Dockershim) prepare(ctx context.Context, programs Programs) error {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	if s.output, err = os.OpenFile(s.LogFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return fmt.Errorf("make dockershim's own log: %w", err)
	}
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	s.cell, err = newCell(nil, programs.cell, s.output, env, append(s.varLog.cellFlags(), s.Docker.tools.dockershim,
		"-listen="+s.Endpoint(), "-docker="+s.Docker.Endpoint(), fmt.Sprintf("-stream=127.0.0.1:%d", port),
		"-sandbox-image="+Image, "-root="+filepath.Join(s.Dir, "dockershim"))...)
	return err
}

// Start starts dockershim after a Stop or a Kill, and waits until it takes CRI calls. Docker
// must answer, or dockershim ends at once.
func (s *Dockershim) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := s.cell.start(ctx); err != nil {
		return fmt.Errorf("start dockershim: %w\n%s", err, s.Log())
	}
	client, err := s.Dial()
	if err != nil {
		return err
	}
	err = Until(ctx, func(ctx context.Context) error {
		if err := s.cell.exited(); err != nil {
			cancel()
			return err
		}
		return client.ready(ctx)
	})
	if err != nil {
		err = fmt.Errorf("start dockershim: %w\n%s", err, s.Log())
	}
	return errors.Join(err, client.Close())
}

// Stop stops dockershim as a service manager would, and waits for its end. Docker and its
// containers are not concerned.
func (s *Dockershim) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, gentleTime)
	defer cancel()
	return s.cell.stop(ctx, syscall.SIGTERM)
}

// Kill ends dockershim at once, and waits for its end.
func (s *Dockershim) Kill(ctx context.Context) error { return s.cell.stop(ctx, syscall.SIGKILL) }

// Log is the end of what dockershim has logged itself.
func (s *Dockershim) Log() string { return tail(s.LogFile()) }

// LogFile is where every process of this dockershim logs itself.
func (s *Dockershim) LogFile() string { return filepath.Join(s.Dir, "dockershim.log") }

// Close ends dockershim, Docker and all pods at once and removes what they left: processes,
// mounts, cgroups and folders.
func (s *Dockershim) Close() error {
	var errs []error
	if s.cell != nil {
		errs = append(errs, s.cell.close())
	}
	if s.output != nil {
		errs = append(errs, s.output.Close())
	}
	if s.Docker != nil {
		errs = append(errs, s.Docker.close())
	}
	return errors.Join(append(errs, Sweep(s.Dir))...)
}
