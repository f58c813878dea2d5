package testbed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/logmgr/readers"
)

const shimTime = 20 * time.Second // for cri-logshim to come up or end on a busy machine

// Shim is cri-logshim before a runtime. Its methods are not to be called by several
// goroutines at once.
type Shim struct {
	// Config is what the next Start writes into the configuration file.
	Config config.Configuration

	binary  string
	nice    int
	strike  string // the command strike
	dir     string
	node    *Node         // of the runtime
	cmd     *exec.Cmd     // nil: never started
	ended   chan struct{} // closed when the process of cmd has ended
	failure error         // how it ended; to be read after ended
	held    *heldSocket   // nil: the process makes its socket itself
}

// NewShim starts cri-logshim before a runtime, with all that it makes within the
// runtime's Dir, and waits until it serves. Its metrics are at a unix socket, and it has
// the defaults but for what change, if not nil, says; the node's floors are off.
func NewShim(ctx context.Context, runtime Runtime, programs Programs, change func(*config.Configuration)) (*Shim, error) {
	node := runtime.node()
	dir, err := os.MkdirTemp(node.Dir, "shim-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for cri-logshim: %w", err)
	}
	s := &Shim{Config: config.Default(), binary: programs.Shim, strike: programs.strike, dir: dir, node: node}
	s.Config.Listen = "unix://" + filepath.Join(dir, "cri.sock")
	s.Config.KubeletEndpoint = "" // no link: a test leads its kubelet itself
	s.Config.RuntimeEndpoint = node.Endpoint()
	s.Config.Docker.Endpoint = node.engine
	s.Config.PodLogsDir = node.varLog.inside(node.PodLogsDir)
	s.Config.KeepDir = filepath.Join(dir, "kept")
	s.Config.Node = config.Node{} // a disk that is nearly full removes no line
	s.Config.Links.LegacyDir = filepath.Join(dir, "containers")
	if node.varLog != "" { // a hard link does not lead out of a mount
		s.Config.KeepDir, s.Config.Links.LegacyDir = config.Default().KeepDir, config.Default().Links.LegacyDir
	}
	s.Config.Admin.Listen = "unix://" + filepath.Join(dir, "admin.sock")
	s.Config.Admin.Metrics = "unix://" + s.metricsSocket()
	if change != nil {
		change(&s.Config)
	}
	if err := os.Mkdir(node.varLog.outside(s.Config.Links.LegacyDir), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("make a folder for legacy links: %w", err)
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Endpoint is where kubelet points in the shim's mode: at the shim, or past it.
func (s *Shim) Endpoint() string {
	if s.Config.Mode != config.ModeProxy {
		return s.Config.RuntimeEndpoint
	}
	return s.Config.Listen
}

// Dial returns a new client that speaks to the runtime as kubelet does.
func (s *Shim) Dial() (*Client, error) { return s.node.dial(s.Endpoint()) }

// Start writes the configuration file, starts the process and waits until it serves.
func (s *Shim) Start(ctx context.Context) error {
	if err := s.launch(); err != nil {
		return fmt.Errorf("start cri-logshim: %w", err)
	}
	return s.serves(ctx)
}

// serves waits until the process takes connections.
func (s *Shim) serves(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, shimTime)
	defer cancel()
	return Until(ctx, func(ctx context.Context) error {
		select {
		case <-s.ended:
			cancel()
			return fmt.Errorf("start cri-logshim: it has ended: %w\n%s", s.failure, s.Log())
		default:
		}
		conn, err := new(net.Dialer).DialContext(ctx, "unix", socketOf(s.Config.Listen))
		if err != nil {
			return fmt.Errorf("%w\n%s", err, s.Log())
		}
		return conn.Close()
	})
}

// Reload puts Config in force in the running process and waits until it is.
func (s *Shim) Reload(ctx context.Context) error {
	const reloads = "cri_logshim_config_reloads_total"
	before, err := s.Metric(ctx, reloads, `result="applied"`)
	if err != nil {
		return err
	}
	if err := errors.Join(s.writeConfig(), s.Signal(syscall.SIGHUP)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, shimTime)
	defer cancel()
	return Until(ctx, func(ctx context.Context) error {
		now, err := s.Metric(ctx, reloads, `result="applied"`)
		if err == nil && now == before {
			err = fmt.Errorf("the configuration is not yet reloaded\n%s", s.Log())
		}
		return err
	})
}

// Rewrite writes Config into the configuration file and does nothing else.
func (s *Shim) Rewrite() error { return s.writeConfig() }

// writeConfig replaces the file in one step, so that nobody reads half of it.
func (s *Shim) writeConfig() error {
	text, err := s.Config.YAML()
	if err == nil {
		err = os.WriteFile(s.ConfigFile()+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(s.ConfigFile()+".new", s.ConfigFile())
	}
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}

// ConfigFile is the file that Start and Reload write and the process reads.
func (s *Shim) ConfigFile() string { return filepath.Join(s.dir, "config.yaml") }

// launch writes the configuration file and starts the process, which ends with ours, and a
// goroutine that waits for it and thereby ends too. A wrapper is put before the
// command line.
func (s *Shim) launch(wrapper ...string) error {
	if s.Running() {
		return errors.New("it runs")
	}
	if err := s.writeConfig(); err != nil {
		return err
	}
	output, err := os.OpenFile(s.LogFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer output.Close() // the process has its own
	line := append(append(s.node.varLog.wrapper(), wrapper...), s.binary, "serve", "--config", s.ConfigFile())
	if s.nice != 0 { // set before there are threads, each of which has its own
		line = append([]string{"nice", "-n", strconv.Itoa(s.nice)}, line...)
	}
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Stderr = output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if s.held != nil {
		s.held.passTo(cmd)
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	s.cmd, s.ended = cmd, ended
	go func() {
		defer close(ended)
		s.failure = cmd.Wait()
	}()
	return nil
}

// PID is the process id of the shim that was started last.
func (s *Shim) PID() int { return s.cmd.Process.Pid }

// Signal sends the process a signal and does not wait for what comes of it.
func (s *Shim) Signal(signal syscall.Signal) error {
	if err := s.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("signal %v to cri-logshim: %w", signal, err)
	}
	return nil
}

// Wait waits for the end of the process; another exit code than 0 is an error.
func (s *Shim) Wait(ctx context.Context) error {
	select {
	case <-s.ended:
		if s.failure != nil {
			return fmt.Errorf("cri-logshim has ended: %w\n%s", s.failure, s.Log())
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for cri-logshim to end: %w\n%s", context.Cause(ctx), s.Log())
	}
}

// Stop stops the shim as a service manager would.
func (s *Shim) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, shimTime)
	defer cancel()
	if err := s.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.Wait(ctx)
}

// Kill ends the shim at once, as a crash would. It is no error if it has ended already.
func (s *Shim) Kill() error {
	err := s.cmd.Process.Kill()
	<-s.ended
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Close ends the shim at once if it runs, and lets go of a held socket. Its files go with
// the runtime's.
func (s *Shim) Close() error {
	var errs []error
	if s.Running() {
		errs = append(errs, s.Kill())
	}
	if s.held != nil {
		errs = append(errs, s.held.release())
		s.held = nil
	}
	return errors.Join(errs...)
}

// Running tells whether the process runs.
func (s *Shim) Running() bool {
	if s.cmd == nil {
		return false
	}
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// Log is the end of what all processes of this shim have logged.
func (s *Shim) Log() string { return tail(s.LogFile()) }

// Logged are the lines of the shim's own log that have a text in them.
func (s *Shim) Logged(text string) ([]string, error) { return linesWith(s.LogFile(), text) }

// Warnings are the lines of the shim's own log that an operator has to look at. It is right to
// say, in a container, that it cannot see all processes: that is none of them there.
func (s *Shim) Warnings() ([]string, error) {
	confined, err := readers.New("/proc", ".log").Confined()
	if err != nil {
		return nil, err
	}
	lines, err := s.Logged("level=")
	return slices.DeleteFunc(lines, func(line string) bool {
		return !strings.Contains(line, "level=warning") && !strings.Contains(line, "level=error") ||
			confined && strings.Contains(line, "outside of this pid namespace")
	}), err
}

// LogFile is where every process of this shim logs.
func (s *Shim) LogFile() string { return filepath.Join(s.dir, "cri-logshim.log") }
