package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// The units of a Machine.
const (
	ContainerdUnit = "containerd.service"
	ShimUnit       = "cri-logshim.service"
	ShimSocket     = "cri-logshim.socket"
	BypassUnit     = "cri-logshim-bypass.service"
	RetryUnit      = "cri-logshim-retry.service"
)

// initSystem is process 1 of a Machine.
const initSystem = "/usr/lib/systemd/systemd"

// MachineOptions say what a Machine is to be. Paths are those of the machine around it.
type MachineOptions struct {
	// LogDir is a folder that is /var/log in the Machine; empty: one of its own.
	LogDir string
	// Enabled are the units that start at boot, each with the target that wants it.
	Enabled map[string]string
	// Bare is without cri-logshim, and with a dpkg that knows of no package.
	Bare bool
}

// Machine is a machine in the machine, with systemd as process 1, containerd as a service
// of it, and cri-logshim as "make install" installs it, unless it is Bare. It has its own processes, mounts,
// network (the loopback device only), cgroups, /etc, /var and journal; its /usr lies over
// the machine's, and none of the machine's services is in it. Kernel and clock are the
// machine's own.
type Machine struct {
	// Dir holds everything that belongs to this machine, and goes with it.
	Dir string

	cmd   *exec.Cmd     // nil: never booted
	ended chan struct{} // closed when process 1 has ended
}

// NewMachine installs and boots a machine, and waits until all that starts at boot has
// started. After an error nothing is left of it.
func NewMachine(ctx context.Context, install Install, programs Programs, o MachineOptions) (*Machine, error) {
	if _, err := os.Stat(initSystem); err != nil {
		return nil, fmt.Errorf("boot a machine: %w", err)
	}
	dir, err := NewFolder(baseDir)
	if err != nil {
		return nil, fmt.Errorf("make a folder for a machine: %w", err)
	}
	m := &Machine{Dir: dir}
	if err = m.furnish(ctx, install, o); err == nil {
		err = m.boot(ctx, programs, o)
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// boot starts process 1, which ends with ours.
func (m *Machine) boot(ctx context.Context, programs Programs, o MachineOptions) error {
	cache, err := cacheDir()
	if err != nil {
		return err
	}
	args := []string{
		"-root", m.root(), "-work", filepath.Join(m.Dir, "work"), "-console", m.console(), "-cgroup", filepath.Base(m.Dir),
		"-bind", machineCache + "=" + cache,
	}
	if o.LogDir != "" {
		args = append(args, "-bind", "/var/log="+o.LogDir)
	}
	for setting, value := range wantedKernelSettings() {
		args = append(args, "-pretend", setting+"="+value)
	}
	console, err := os.OpenFile(m.console(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("make a console: %w", err)
	}
	defer console.Close() // the process has its own
	cmd := exec.Command(programs.nest, append(args, initSystem, "--system", "--log-target=journal")...)
	cmd.Stderr = console
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNET,
		Setsid:     true,
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("boot a machine: %w", err)
	}
	m.cmd, m.ended = cmd, make(chan struct{})
	go func() {
		defer close(m.ended)
		_ = cmd.Wait() // it ends when it is killed
	}()
	if err := m.booted(ctx); err != nil {
		return fmt.Errorf("boot a machine: %w\n%s", err, tail(m.console()))
	}
	return nil
}

// booted waits until all that starts at boot has started.
func (m *Machine) booted(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	return Until(ctx, func(ctx context.Context) error {
		select {
		case <-m.ended:
			cancel()
			return errors.New("process 1 has ended")
		default:
			return m.Active(ctx, "multi-user.target")
		}
	})
}

// Active is nil if a unit is active.
func (m *Machine) Active(ctx context.Context, unit string) error {
	_, err := m.Run(ctx, "systemctl", "is-active", unit)
	return err
}

// Root is a path of the machine as it is seen from outside.
func (m *Machine) Root(path string) string {
	return filepath.Join("/proc", strconv.Itoa(m.cmd.Process.Pid), "root", path)
}

// Run runs a command in the machine and returns its standard output. Another exit code
// than 0 is an *exec.ExitError.
func (m *Machine) Run(ctx context.Context, command ...string) (string, error) {
	return m.RunWith(ctx, nil, command...)
}

// RunWith is Run with a standard input.
func (m *Machine) RunWith(ctx context.Context, input io.Reader, command ...string) (string, error) {
	cmd := m.Command(ctx, command...)
	cmd.Stdin = input
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w\n%s%s", strings.Join(command, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}

// Command is a command that will run in the machine. It ends with ctx, if it does not leave
// its process group.
func (m *Machine) Command(ctx context.Context, command ...string) *exec.Cmd {
	args := append([]string{"--target", strconv.Itoa(m.cmd.Process.Pid), "--all", "--"}, command...)
	cmd := exec.CommandContext(ctx, "nsenter", args...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the command is a child of nsenter
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

// WriteFile replaces a file in one step, and makes the folders that lead to it. Until then its
// name begins with a dot, so that kubelet does not take it for a pod of its own.
func (m *Machine) WriteFile(path string, content []byte, mode os.FileMode) error {
	place := m.Root(path)
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return fmt.Errorf("write %q into the machine: %w", path, err)
	}
	whole := filepath.Join(filepath.Dir(place), "."+filepath.Base(place)+".new")
	err := os.WriteFile(whole, content, mode)
	if err == nil {
		err = os.Chmod(whole, mode) // whatever the umask is
	}
	if err == nil {
		err = os.Rename(whole, place)
	}
	if err != nil {
		return fmt.Errorf("write %q into the machine: %w", path, err)
	}
	return nil
}

// ReadFile reads a file of the machine.
func (m *Machine) ReadFile(path string) (string, error) {
	content, err := os.ReadFile(m.Root(path))
	return string(content), err
}

// PodConfig is as that of a Containerd, in the place where kubelet has its logs.
func (m *Machine) PodConfig(namespace, name string) *runtimeapi.PodSandboxConfig {
	return podConfig("/var/log/pods", "/pods", namespace, name)
}

// Close ends everything in the machine at once, and removes what is left of it.
func (m *Machine) Close() error {
	if m.cmd != nil {
		_ = m.cmd.Process.Kill() // unless it has ended
		<-m.ended
	}
	return Sweep(m.Dir)
}

// root is where the machine's own files lie, those of /usr without what is the machine's.
func (m *Machine) root() string    { return filepath.Join(m.Dir, "root") }
func (m *Machine) console() string { return filepath.Join(m.Dir, "console") }
