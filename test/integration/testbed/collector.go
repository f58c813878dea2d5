package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const collectorTime = 20 * time.Second // for a collector to end on a busy machine

// Collector is a program that follows logs and appends their lines to a file. Its
// methods are not to be called by several goroutines at once.
type Collector struct {
	Name string
	// Output is the file with what it has read, by a name that Verify takes.
	Output string

	command []string
	env     []string
	log     string
	cmd     *exec.Cmd
	ended   chan error
}

// NewOpenTelemetry is the file consumer of OpenTelemetry's collector, with its defaults
// but for reading from the beginning. It keeps its files in dir and reads those that
// match patterns, as the shell knows them and with "**".
func NewOpenTelemetry(dir string, patterns ...string) (*Collector, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	c, err := newCollector("otel", dir)
	if err != nil {
		return nil, err
	}
	c.command = []string{
		filepath.Join(cache, "otel"), "-include", strings.Join(patterns, ","), "-exclude", "/**/*.gz,/**/*.tmp",
		"-output", c.Output, "-state", filepath.Join(dir, "state"),
	}
	return c, c.installed()
}

// NewRsyslog is rsyslog with its input for files and no other.
func NewRsyslog(dir string, patterns ...string) (*Collector, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	c, err := newCollector("rsyslogd", dir)
	if err != nil {
		return nil, err
	}
	root := filepath.Join(cache, "rsyslog")
	var libraries, modules string
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err == nil && entry.Name() == "libestr.so.0":
			libraries = filepath.Dir(path)
		case err == nil && entry.Name() == "imfile.so":
			modules = filepath.Dir(path)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("rsyslog is not set up, run hack/setup.sh: %w", err)
	}
	// The queue is left out, so that what was read is written before the next is read.
	var text bytes.Buffer
	fmt.Fprintf(&text, "global(workDirectory=%q)\nmodule(load=\"imfile\" mode=\"inotify\")\n", dir)
	fmt.Fprintln(&text, `template(name="line" type="string" string="%msg%\n")`)
	fmt.Fprintf(&text, "ruleset(name=\"keep\" queue.type=\"Direct\") { action(type=\"omfile\" file=%q template=\"line\") }\n", c.Output)
	for _, pattern := range patterns {
		fmt.Fprintf(&text, "input(type=\"imfile\" file=%q tag=\"log\" ruleset=\"keep\")\n", pattern)
	}
	config := filepath.Join(dir, "rsyslog.conf")
	if err := os.WriteFile(config, text.Bytes(), 0o600); err != nil {
		return nil, fmt.Errorf("write rsyslog's configuration: %w", err)
	}
	c.command = []string{filepath.Join(root, "usr/sbin/rsyslogd"), "-n", "-iNONE", "-f", config, "-M", modules}
	c.env = []string{"LD_LIBRARY_PATH=" + libraries}
	return c, c.installed()
}

func newCollector(name, dir string) (*Collector, error) {
	c := &Collector{Name: name, Output: filepath.Join(dir, "output", "0.log"), log: filepath.Join(dir, "log")}
	if err := os.MkdirAll(filepath.Dir(c.Output), 0o755); err != nil {
		return nil, fmt.Errorf("make a folder for %s: %w", name, err)
	}
	return c, nil
}

func (c *Collector) installed() error {
	if _, err := os.Stat(c.command[0]); err != nil {
		return fmt.Errorf("%s is not set up, run hack/setup.sh: %w", c.Name, err)
	}
	return nil
}

// Start starts the process, which ends with ours.
func (c *Collector) Start() error {
	output, err := os.OpenFile(c.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", c.Name, err)
	}
	defer output.Close() // the process has its own
	cmd := exec.Command(c.command[0], c.command[1:]...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", c.Name, err)
	}
	ended := make(chan error, 1)
	c.cmd, c.ended = cmd, ended
	go func() { ended <- cmd.Wait() }()
	return nil
}

// Signal sends the process a signal and does not wait for what comes of it.
func (c *Collector) Signal(signal syscall.Signal) error {
	if err := c.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("signal %v to %s: %w", signal, c.Name, err)
	}
	return nil
}

// Stop ends the process in good order.
func (c *Collector) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, collectorTime)
	defer cancel()
	if err := c.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-c.ended:
		c.cmd = nil
		if err != nil {
			return fmt.Errorf("%s has ended: %w\n%s", c.Name, err, c.Log())
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for %s to end: %w\n%s", c.Name, context.Cause(ctx), c.Log())
	}
}

// Close ends the process at once if it runs.
func (c *Collector) Close() error {
	if c.cmd == nil {
		return nil
	}
	err := c.cmd.Process.Kill()
	<-c.ended //nolint:errcheck // it was killed
	c.cmd = nil
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Log is the end of what all processes of this collector have logged.
func (c *Collector) Log() string { return tail(c.log) }
