package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/cri-logshim/cri-logshim/config"
)

// Options say what an installation is to be.
type Options struct {
	// Binary is the program that the units start, an absolute path on the node; empty: it is
	// looked for.
	Binary string
	// Files are the units, by their names, and the default configuration.
	Files fs.FS
	// RuntimeEndpoint is the runtime's unix:// endpoint; empty: it is looked for.
	RuntimeEndpoint string
	// KubeletUnit is the unit that starts kubelet.
	KubeletUnit string
	// LeaveKubelet changes nothing of kubelet's.
	LeaveKubelet bool
	// LeaveRotation leaves kubelet its own rotation.
	LeaveRotation bool
	// Offline says that the node does not run: its files are those of an image.
	Offline bool
	// RestartKubelet restarts kubelet where a change of its files is not in force.
	RestartKubelet bool
	// Wait is how long kubelet may take to be healthy after a restart.
	Wait time.Duration
	// DryRun shows what would be changed and changes nothing.
	DryRun bool
	// Verbose shows the text of new files too.
	Verbose bool
	// Checks find what is wrong with a configuration file beyond its form.
	Checks []config.Check
}

// fitOptions refuses what cannot be done on this node, before anything is.
func (i *Installer) fitOptions() error {
	o := i.options
	switch {
	case o.Wait < 0:
		return fmt.Errorf("--wait=%v: must not be negative", o.Wait)
	case o.Offline && o.RestartKubelet:
		return errors.New("--restart-kubelet: no kubelet runs in the files of --root")
	case o.Offline:
		return nil
	}
	place, err := i.tree.real(systemdRuns)
	if err != nil {
		return err
	}
	if _, err := os.Stat(place); errors.Is(err, fs.ErrNotExist) {
		return errors.New("no systemd runs here, as in a chroot or a container: install into its files from outside, by --root")
	} else if err != nil {
		return fmt.Errorf("find out whether systemd runs: %w", err)
	}
	return nil
}

// systemdRuns is there if systemd is process 1 (sd_booted(3)).
const systemdRuns = "/run/systemd/system"

// Machine is the running node around its files.
type Machine interface {
	// Systemctl runs systemctl and returns what it prints.
	Systemctl(ctx context.Context, args ...string) (string, error)
	// RuntimeName asks the runtime at an endpoint for its name, as containerd. The error is
	// errDockerAPI where it is Docker's own API that is served there.
	RuntimeName(ctx context.Context, endpoint string) (string, error)
	// KubeletVersion asks the program kubelet for its version, as v1.36.3.
	KubeletVersion(ctx context.Context, program string) (string, error)
	// Arguments are those of a running process, its program first.
	Arguments(pid int) ([]string, error)
	// Healthy asks an address of a health check; nil: it answers that all is well.
	Healthy(ctx context.Context, address string) error
	// Calls counts the calls of a client that cri-logshim has answered with success since it
	// was started.
	Calls(ctx context.Context, c config.Configuration) (float64, error)
}
