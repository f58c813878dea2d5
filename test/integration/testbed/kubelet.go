package testbed

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The kubelets that hack/setup.sh builds.
const (
	KubeletVersion = "1.36.3"
	OldestKubelet  = "1.23.17" // speaks CRI v1alpha2; goes with Oldest
)

// NodeName is the node's, which kubelet adds to the names of static pods. It is one by
// which an API server on this machine reaches kubelet.
const NodeName = "localhost"

// ContainerLogs are kubelet's settings of its own log rotation.
type ContainerLogs struct {
	MaxSize         string        // a quantity
	MaxFiles        int           // at least 2
	MaxWorkers      int           // at least 1
	MonitorInterval time.Duration // at least 3 s
}

// DefaultContainerLogs are kubelet's own defaults.
func DefaultContainerLogs() ContainerLogs {
	return ContainerLogs{MaxSize: "10Mi", MaxFiles: 5, MaxWorkers: 1, MonitorInterval: 10 * time.Second}
}

// LeftToTheShim leaves rotation to cri-logshim and keeps kubelet's removal of the logs of
// dead containers. It is 1P and not 1Pi, with which kubelet does not start: it takes a
// quantity for invalid that its parser keeps as a big number, as it does from 16Ti on.
func LeftToTheShim() ContainerLogs {
	return ContainerLogs{MaxSize: "1P", MaxFiles: 5, MaxWorkers: 1, MonitorInterval: time.Hour}
}

// KubeletOptions say what kubelet speaks to and how it is set.
type KubeletOptions struct {
	// Version is KubeletVersion if empty, or OldestKubelet.
	Version string
	// Endpoint is the CRI endpoint: the runtime's, or that of a shim before it.
	Endpoint string
	Logs     ContainerLogs
	// FeatureGates are those that differ from the version's defaults.
	FeatureGates map[string]bool
	// Kubeconfig is a file that leads to an API server, at which kubelet then registers
	// NodeName; empty: there is none, and all pods are static ones.
	Kubeconfig string
	// Network is that of the API server.
	Network *Network
	// Settings are some of the configuration file, instead of the testbed's.
	Settings map[string]any
}

// Kubelet is a real kubelet, by default without an API server. It runs static pods on a runtime,
// with or without cri-logshim between the two. It sees the runtime's VarLog or an empty /var/log, an empty
// /var/lib (below which its device plugins have a fixed place) and kernel settings as it
// wants them, so that it changes none of the machine's. Its methods are not to be called
// by several goroutines at once.
type Kubelet struct {
	// PodLogsDir is the runtime's.
	PodLogsDir string
	// LegacyDir is what kubelet sees as /var/log/containers: the runtime's.
	LegacyDir string

	options KubeletOptions
	dir     string
	node    *Node // of the runtime
	port    int
	cell    *cell
	output  *os.File
	client  *Client // of the endpoint that kubelet uses too
}

// NewKubelet starts a kubelet before a runtime, with all that it makes within the
// runtime's Dir, and waits until it serves. It is to be closed before the endpoint. Its
// pods stay until the runtime is closed.
func NewKubelet(ctx context.Context, runtime Runtime, programs Programs, o KubeletOptions) (*Kubelet, error) {
	if o.Version == "" {
		o.Version = KubeletVersion
	}
	binary, err := kubeletBinary(o.Version)
	if err != nil {
		return nil, err
	}
	node := runtime.node()
	dir, err := os.MkdirTemp(node.Dir, "kubelet-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for kubelet: %w", err)
	}
	k := &Kubelet{PodLogsDir: node.PodLogsDir, LegacyDir: node.LegacyDir(), options: o, dir: dir, node: node}
	if o.Version == OldestKubelet && node.varLog == "" {
		return nil, fmt.Errorf("kubelet %s has its logs in /var/log/pods only", o.Version)
	}
	if err := k.prepare(ctx); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	if err := k.makeCell(programs.cell, binary); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	if err := k.Start(ctx); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k, nil
}

func kubeletBinary(version string) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(cache, "kubelet-"+version, "bin", "kubelet")
	if _, err := os.Stat(binary); err != nil {
		return "", fmt.Errorf("kubelet %s is not set up, run hack/setup.sh: %w", version, err)
	}
	return binary, nil
}

// prepare makes the folders and the configuration.
func (k *Kubelet) prepare(ctx context.Context) error {
	for _, folder := range []string{k.manifests(), k.Root(), k.LegacyDir} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("make a folder for kubelet: %w", err)
		}
	}
	if err := k.Use(k.options.Endpoint); err != nil {
		return err
	}
	var err error
	if k.port, err = freePort(ctx); err != nil {
		return err
	}
	if err := os.WriteFile(k.resolver(), []byte("nameserver 127.0.0.1\n"), 0o600); err != nil {
		return fmt.Errorf("write the kubelet configuration: %w", err)
	}
	if err := k.Configure(k.options.Settings); err != nil {
		return err
	}
	if k.output, err = os.OpenFile(k.LogFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return fmt.Errorf("make kubelet's own log: %w", err)
	}
	return nil
}

// Configure makes the next Start have settings instead of the testbed's.
func (k *Kubelet) Configure(settings map[string]any) error {
	k.options.Settings = settings
	text, err := k.config(k.node.cgroup())
	if err != nil {
		return err
	}
	if err := os.WriteFile(k.configFile(), []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the kubelet configuration: %w", err)
	}
	return nil
}

func (k *Kubelet) makeCell(cell, binary string) (err error) {
	args := append([]string{"-cover", "/var/lib"}, k.node.varLog.cellFlags()...)
	if k.node.varLog == "" {
		args = append(args, "-cover", "/var/log", "-bind", "/var/log/containers="+k.LegacyDir)
	}
	for setting, value := range wantedKernelSettings() {
		args = append(args, "-pretend", filepath.Join("/proc/sys", setting)+"="+value)
	}
	args = append(append(args, binary), k.flags()...)
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	k.cell, err = newCell(k.options.Network, cell, k.output, env, args...)
	return err
}

// Use makes the next Start speak to another endpoint of the same runtime. Kubelet's own
// setting is a link, and stays as it is.
func (k *Kubelet) Use(endpoint string) error {
	client, err := k.node.dial(endpoint)
	if err != nil {
		return err
	}
	if k.client != nil {
		if err := k.client.Close(); err != nil {
			return errors.Join(err, client.Close())
		}
	}
	k.client = client
	if err := os.Symlink(socketOf(endpoint), k.socket()+".new"); err != nil {
		return fmt.Errorf("lead kubelet to %q: %w", endpoint, err)
	}
	if err := os.Rename(k.socket()+".new", k.socket()); err != nil {
		return fmt.Errorf("lead kubelet to %q: %w", endpoint, err)
	}
	return nil
}

// Start starts kubelet after a Stop, and waits until it serves.
func (k *Kubelet) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := k.cell.start(ctx); err != nil {
		return fmt.Errorf("start kubelet: %w", err)
	}
	err := Until(ctx, func(ctx context.Context) error {
		if err := k.cell.exited(); err != nil {
			cancel()
			return err
		}
		_, err := k.Get(ctx, "/healthz")
		return err
	})
	if err != nil {
		return fmt.Errorf("start kubelet: %w\n%s", err, k.Log())
	}
	return nil
}

// Stop stops kubelet as a service manager would, and waits for its end. Pods live on.
func (k *Kubelet) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, gentleTime)
	defer cancel()
	return k.cell.stop(ctx, syscall.SIGTERM)
}

// Kill ends kubelet at once, as a crash would. Pods live on.
func (k *Kubelet) Kill(ctx context.Context) error { return k.cell.stop(ctx, syscall.SIGKILL) }

// PID is the process id of the running kubelet, as the machine counts.
func (k *Kubelet) PID() (int, error) {
	tasks := filepath.Join("/proc", strconv.Itoa(k.cell.cmd.Process.Pid), "task")
	threads, err := os.ReadDir(tasks)
	if err != nil {
		return 0, fmt.Errorf("find kubelet's process: %w", err)
	}
	for _, thread := range threads {
		children, err := os.ReadFile(filepath.Join(tasks, thread.Name(), "children"))
		if err != nil {
			continue // the thread has ended
		}
		for pid := range strings.FieldsSeq(string(children)) {
			if program, err := os.Readlink(filepath.Join("/proc", pid, "exe")); err == nil && filepath.Base(program) == "kubelet" {
				return strconv.Atoi(pid)
			}
		}
	}
	return 0, errors.New("find kubelet's process: it does not run")
}

// Log is the end of what kubelet has logged itself.
func (k *Kubelet) Log() string { return tail(k.LogFile()) }

// LogFile is where every process of this kubelet logs itself.
func (k *Kubelet) LogFile() string { return filepath.Join(k.dir, "kubelet.log") }

// Logged are the lines of kubelet's own log that have a text in them.
func (k *Kubelet) Logged(text string) ([]string, error) {
	return linesWith(k.LogFile(), text)
}

// Root is kubelet's root directory, below which pods have their folders, by uid.
func (k *Kubelet) Root() string { return filepath.Join(k.dir, "root") }

// Close ends kubelet at once. Its files go with the runtime's.
func (k *Kubelet) Close() error {
	var errs []error
	if k.cell != nil {
		errs = append(errs, k.cell.close())
	}
	if k.output != nil {
		errs = append(errs, k.output.Close())
	}
	if k.client != nil {
		errs = append(errs, k.client.Close())
	}
	return errors.Join(errs...)
}

func (k *Kubelet) manifests() string  { return filepath.Join(k.dir, "manifests") }
func (k *Kubelet) configFile() string { return filepath.Join(k.dir, "config.json") }
func (k *Kubelet) socket() string     { return filepath.Join(k.dir, "cri.sock") }
func (k *Kubelet) resolver() string   { return filepath.Join(k.dir, "resolv.conf") }

// freePort is a port of 127.0.0.1 that was free a moment ago. It is none of those that the
// kernel gives to whoever connects somewhere, or one of them could take it before it is used.
func freePort(ctx context.Context) (int, error) {
	const first, count, tries = 20_000, 12_000, 100 // the kernel's begin at 32,768
	var err error
	for range tries {
		port := first + rand.IntN(count)
		var listener net.Listener
		listener, err = new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, fmt.Errorf("find a free port: %w", err)
}
