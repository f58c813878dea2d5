package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/admin/client"
	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/terminal"
)

const statusHelp = `Show how the daemon and the logs of this node are: the runtime, kubelet, how many logs are
managed, what they take and what bounds there are, and what went wrong last.

The daemon is asked at its admin socket, which is root's. The exit code is 0 whenever it
answers, and 4 if it does not.`

const statusExample = `  cri-logshim status
  cri-logshim status -o json | jq .disk`

// mostToldErrors is how many of the last errors are shown.
const mostToldErrors = 5

func newStatusCommand() *cobra.Command {
	var a asking
	var o *output
	var color *terminal.ColorFlags
	cmd := &cobra.Command{
		Use: "status", Short: "Show how the daemon and the logs of this node are", Long: statusHelp, Example: statusExample, Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			colored, err := color.Color(cmd.OutOrStdout(), os.Getenv)
			if err != nil {
				return exitcode.With(exitcode.Usage, err)
			}
			return a.run(cmd, func(ctx context.Context, c *client.Client) error {
				node, err := c.Node(ctx)
				if err != nil {
					return err
				}
				return o.print(cmd.OutOrStdout(), node, func(out io.Writer) error { return printNode(out, node, colored) })
			})
		},
	}
	a.addFlags(cmd)
	o = addOutputFlag(cmd, outputText, outputJSON, outputYAML)
	color = terminal.AddColorFlags(cmd.Flags())
	completeColor(cmd)
	return cmd
}

// printNode prints a line for each thing. No meaning is by colour alone.
func printNode(out io.Writer, n api.Node, colored bool) error {
	state := paint(colored, "32", "ready")
	if len(n.Reasons) > 0 {
		state = paint(colored, "31", "not ready")
	}
	kubelet := "calls come here"
	if !n.Kubelet.Calls {
		kubelet = "no call has come here"
		if n.Mode != "proxy" {
			kubelet = "calls the runtime itself (mode " + n.Mode + ")"
		}
	}
	if n.Kubelet.Rotates {
		kubelet += "; " + paint(colored, "33", "somebody else rotates logs too")
	}
	var text strings.Builder
	line := func(name, format string, values ...any) {
		fmt.Fprintf(&text, "%-12s %s\n", name, fmt.Sprintf(format, values...))
	}
	line("cri-logshim", "%s, %s, mode %s, pid %d, up %s", state, terminal.Harmless(n.Version), n.Mode, n.PID, n.Time.Sub(n.Started).Round(time.Second))
	line("runtime", "%s", runtimeLine(n, colored))
	line("kubelet", "%s", kubelet)
	line("logs", "%d managed, %d active, %d elsewhere; growing by %s, %s", n.Logs, n.Active, n.Elsewhere, terminal.Rate(n.BytesPerSecond), terminal.Count(n.Rotations, "rotation"))
	line("disk", "%s", diskLine(n.Disk))
	if n.Disk.Pressure != "" {
		line("pressure", "%s", paint(colored, "31", terminal.Harmless(n.Disk.Pressure)))
	}
	for _, r := range n.Readers {
		line("reader", "%s, %s behind in %d of %s", terminal.Harmless(r.Name), terminal.Size(r.LagBytes), r.ContainersBehind, terminal.Count(int64(r.Containers), "log"))
	}
	for _, reason := range n.Reasons {
		line("not ready", "%s", paint(colored, "31", terminal.Harmless(reason)))
	}
	for i, e := range n.Errors {
		if i == mostToldErrors {
			break
		}
		about := ""
		if e.Pod != "" {
			about = " (" + terminal.Harmless(e.Namespace+"/"+e.Pod+"/"+e.Container) + ")"
		}
		line(e.Level, "%s %s%s", e.Time.Local().Format(time.DateTime), terminal.Harmless(e.Message), about)
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// runtimeLine is which runtime answers, or since when none does and what to do.
func runtimeLine(n api.Node, colored bool) string {
	r, endpoint := n.Runtime, terminal.Harmless(n.Runtime.Endpoint)
	if r.State == api.StateReady {
		return fmt.Sprintf("%s at %s", terminal.Harmless(cmp.Or(strings.TrimSpace(r.Name+" "+r.Version), "answers")), endpoint)
	}
	since := ""
	if r.AwaySince != nil {
		since = fmt.Sprintf(" since %s (%s)", r.AwaySince.Local().Format(time.DateTime), n.Time.Sub(*r.AwaySince).Round(time.Second))
	}
	return paint(colored, "31", "does not answer at "+endpoint+since) + "; start it, or set runtimeEndpoint to where it listens"
}

func diskLine(d api.Disk) string {
	text := "logs take " + known(d.LogBytes)
	if d.LogBytes == nil {
		text = "not counted yet"
	}
	if d.KeptBytes != nil {
		text += ", of removed pods " + terminal.Size(*d.KeptBytes)
	}
	if d.MaxBytes != nil {
		text += ", of " + terminal.Size(*d.MaxBytes) + " at most"
	}
	if d.FreeBytes != nil {
		text += ", free " + terminal.Size(*d.FreeBytes)
	}
	if d.MinFreeBytes != nil {
		text += " of " + terminal.Size(*d.MinFreeBytes) + " at least"
	}
	return text
}

// paint colours a text, if it may be.
func paint(colored bool, code, text string) string {
	if !colored {
		return text
	}
	return "\x1b[" + code + "m" + text + terminal.Reset
}
