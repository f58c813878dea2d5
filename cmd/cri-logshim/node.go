package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/install"
	"github.com/cri-logshim/cri-logshim/policy"
	"github.com/cri-logshim/cri-logshim/systemd"
)

const nodeHelp = `Put cri-logshim on this node, or take it away again.

install writes the units and the configuration, starts cri-logshim, and leads
kubelet to it, wherever kubelet's endpoint is set: in its configuration file, in
kubeadm's flags, or in a unit. uninstall makes every file what it was before, byte
for byte. What was changed is recorded in /var/lib/cri-logshim.`

const installHelp = `Write the units and the configuration, enable and start cri-logshim, wait until it
answers for the runtime, and lead kubelet to it. What will be done is shown first,
each change of a file as a diff, and each is made in one step.

What is changed of kubelet follows the mode in the configuration: in proxy it is led
to cri-logshim and its own rotation of logs set aside, in manage only the latter, and
in observe nothing. A kubelet of which dockershim is a part (up to 1.23) is left as it
is, and proxy is refused before it.

Kubelet is not restarted unless --restart-kubelet says so. Then it has to become
healthy, with its calls coming through cri-logshim, within --wait; if it does not,
everything is taken back, and kubelet restarted once more.

An installation that was cut short is completed, and a second one changes nothing.`

const installExample = `  # What would be changed?
  cri-logshim node install --dry-run

  # All of it, kubelet's restart included
  cri-logshim node install --restart-kubelet

  # Into an image
  cri-logshim node install --root /mnt/image --runtime-endpoint unix:///run/containerd/containerd.sock`

const uninstallHelp = `Make every file that install has changed what it was before. In a file that others
have changed since, only the settings of install are taken back.

As long as kubelet runs that was started with them, cri-logshim is left running;
--restart-kubelet restarts kubelet.`

const uninstallExample = `  cri-logshim node uninstall --restart-kubelet`

const nodeStatusHelp = `Tell what is installed, whether kubelet's files lead to cri-logshim and by what,
and warn of what keeps kubelet from a runtime, or its calls from cri-logshim.

The exit code is 0 if nothing has to be done, also where nothing is installed; 1 if
not all can be told; 2 if there is a warning.`

const nodeStatusExample = `  cri-logshim node status
  cri-logshim node status -o json`

// nodeOptions are the flags of the commands about the node.
type nodeOptions struct {
	install.Options
	root string
}

func newNodeCommand() *cobra.Command {
	o := &nodeOptions{}
	node := &cobra.Command{
		Use:   "node",
		Short: "Install on this node, uninstall, and tell how the installation stands",
		Long:  nodeHelp,
	}
	flags := node.PersistentFlags()
	flags.StringVar(&o.root, "root", "/", "`folder` that holds the files of a node that does not run, such as an image")
	flags.StringVar(&o.KubeletUnit, "kubelet-unit", "kubelet.service", "the `unit` that starts kubelet")
	node.AddCommand(newNodeInstallCommand(o), newNodeUninstallCommand(o), newNodeStatusCommand(o))
	return node
}

func newNodeInstallCommand(o *nodeOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use: "install", Short: "Put units and configuration in place and lead kubelet to cri-logshim",
		Long: installHelp, Example: installExample, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			installer, err := o.installer(cmd)
			if err != nil {
				return err
			}
			return untilSignal(cmd.Context(), installer.Install)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.RuntimeEndpoint, "runtime-endpoint", "", "`endpoint` of the container runtime; without it, the one that kubelet uses, or that answers")
	flags.BoolVar(&o.LeaveKubelet, "leave-kubelet", false, "change nothing of kubelet's")
	flags.BoolVar(&o.LeaveRotation, "leave-rotation", false, "leave kubelet its own rotation of logs")
	flags.StringVar(&o.Binary, "binary", "", "the `path` of cri-logshim on the node; without it, that of this program, or with --root the one in /usr/local/bin or /usr/bin there")
	addCarryOutFlags(cmd, o)
	return cmd
}

func newNodeUninstallCommand(o *nodeOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use: "uninstall", Short: "Make the node what it was before install",
		Long: uninstallHelp, Example: uninstallExample, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			installer, err := o.installer(cmd)
			if err != nil {
				return err
			}
			return untilSignal(cmd.Context(), installer.Uninstall)
		},
	}
	addCarryOutFlags(cmd, o)
	return cmd
}

func newNodeStatusCommand(o *nodeOptions) *cobra.Command {
	var out *output
	cmd := &cobra.Command{
		Annotations: map[string]string{ownCodes: ""},

		Use: "status", Short: "Tell what is installed and whether kubelet uses it",
		Long: nodeStatusHelp, Example: nodeStatusExample, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			installer, err := o.installer(cmd)
			if err != nil {
				return err
			}
			status, err := installer.Status(cmd.Context())
			if err != nil {
				return err
			}
			if err := out.print(cmd.OutOrStdout(), status, status.Print); err != nil {
				return err
			}
			switch {
			case len(status.Warnings) > 0:
				return exitcode.With(exitWarned, exitcode.ErrTold)
			case len(status.Trouble) > 0:
				return exitcode.With(exitUnknown, exitcode.ErrTold)
			}
			return nil
		},
	}
	out = addOutputFlag(cmd, outputText, outputJSON, outputYAML)
	return cmd
}

// What "node status" exits with where it does not exit with 0.
const (
	exitUnknown = 1 // not all can be told, or it has failed
	exitWarned  = 2 // something should be done
)

// untilSignal changes a node until whoever has begun that has no patience any more, or has gone:
// then it is ended in good order, where the signal itself would leave a node half changed. A
// signal that is ignored, as under nohup, stays so.
func untilSignal(ctx context.Context, change func(context.Context) error) error {
	signals := slices.DeleteFunc([]os.Signal{syscall.SIGINT, syscall.SIGHUP}, signal.Ignored)
	ctx, stop := signal.NotifyContext(ctx, append(signals, syscall.SIGTERM)...) // none would mean all
	defer stop()
	// Nor does it matter whether somebody still reads what is told, as by a connection that is cut.
	signal.Ignore(syscall.SIGPIPE)
	return change(ctx)
}

func addCarryOutFlags(cmd *cobra.Command, o *nodeOptions) {
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "show what would be changed, and change nothing")
	cmd.Flags().BoolVarP(&o.Verbose, "verbose", "v", false, "show the text of files that come or go as a whole, too")
	cmd.Flags().BoolVar(&o.RestartKubelet, "restart-kubelet", false, "restart kubelet, so that it takes the change")
	cmd.Flags().DurationVar(&o.Wait, "wait", 90*time.Second, "how `long` a restarted kubelet may take to be healthy")
}

// installer returns the installer of the node that the flags name.
func (o *nodeOptions) installer(cmd *cobra.Command) (*install.Installer, error) {
	root, err := filepath.Abs(o.root)
	if err != nil {
		return nil, fmt.Errorf("find the root %q: %w", o.root, err)
	}
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("the root %q is no folder", o.root)
	}
	options := o.Options
	options.Offline = root != "/"
	options.Files = systemd.Files
	options.Checks = []config.Check{policy.Check}
	if options.Binary == "" && !options.Offline {
		if options.Binary, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("find this program: %w", err)
		}
	}
	return install.New(install.NewTree(root), install.Live{}, options, cmd.OutOrStdout()), nil
}
