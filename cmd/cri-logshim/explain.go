package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/criruntime"
	"github.com/cri-logshim/cri-logshim/logmgr/docker"
	"github.com/cri-logshim/cri-logshim/policy"
)

const explainHelp = `Show how the logs of a pod's containers are held: each setting, its value, and
the place that it comes from, which is the default, the configuration file, a
rule in it, or an annotation of the pod. Annotations that are not followed as
they stand are named with the reason.

The pod is looked for in the runtime, and the configuration is read from the
file, so it works without a running daemon, and also for a file that is not in
force yet.`

const explainExample = `  # Why is this log rotated at 1Mi?
  cri-logshim explain shop/web-7d4b9c-x2x8p/app

  # What would a new file mean for a pod?
  cri-logshim explain shop/web-7d4b9c-x2x8p --config new.yaml

  # For scripts
  cri-logshim explain shop/web-7d4b9c-x2x8p -o json`

func newExplainCommand(o *options) *cobra.Command {
	var out *output
	cmd := &cobra.Command{
		Use:     "explain namespace/pod[/container]",
		Short:   "Show which settings hold for a pod's logs, and where each comes from",
		Long:    explainHelp,
		Example: explainExample,

		ValidArgsFunction: completePods(o.forCompletion, false),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("explain takes one pod, or one container of it: %s", cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted, err := parsePodName(args[0])
			if err != nil {
				return err
			}
			c, err := o.load()
			if err != nil {
				return err
			}
			e, err := explain(cmd.Context(), c, o.lines, wanted)
			if err != nil {
				return unreachable(cmd.Context(), c.RuntimeEndpoint, o.origin("runtimeEndpoint", "runtime-endpoint"), err)
			}
			e.Configuration = o.source()
			return out.print(cmd.OutOrStdout(), e, e.printText)
		},
	}
	o.addFlags(cmd)
	out = addOutputFlag(cmd, outputText, outputJSON, outputYAML)
	return cmd
}

// podName names a pod, or one container of it.
type podName struct{ namespace, pod, container string }

func parsePodName(text string) (podName, error) {
	parts := strings.Split(text, "/")
	if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
		return podName{}, exitcode.Usagef("%q: must be namespace/pod or namespace/pod/container", text)
	}
	return podName{parts[0], parts[1], strings.Join(parts[2:], "")}, nil
}

const (
	// explainTimeout is how long the runtime may take for all that is asked of it.
	explainTimeout = 10 * time.Second
	// maxList is how large a list the runtime may answer, as with kubelet.
	maxList = 16 << 20
)

// explain asks the runtime for a pod and resolves what holds for it.
func explain(ctx context.Context, c config.Configuration, lines config.Lines, wanted podName) (_ *explanation, err error) {
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	conn, err := grpc.NewClient(c.RuntimeEndpoint, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithAuthority("localhost"), grpc.WithNoProxy(), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxList)))
	if err != nil {
		return nil, fmt.Errorf("connect to the runtime at %s: %w", c.RuntimeEndpoint, err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	runtime := docker.New(criruntime.New(conn), c.Docker.Endpoint, silent())
	defer runtime.Close()
	sandboxes, err := runtime.Sandboxes(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for all pods: %w", err)
	}
	sandbox, err := findSandbox(sandboxes, wanted)
	if err != nil {
		return nil, err
	}
	containers, err := runtime.Containers(ctx, sandbox)
	if err != nil {
		return nil, fmt.Errorf("ask for the containers of a pod: %w", err)
	}
	containers = newestAttempts(containers)
	chosen, err := chooseContainers(containers, wanted)
	if err != nil {
		return nil, err
	}
	e := newExplanation(sandbox, containers, chosen, policy.New(c, lines), c.Annotations.Enabled)
	for i, one := range chosen {
		e.Containers[i].notManaged(notManaged(ctx, runtime, c.PodLogsDir, one.ID))
	}
	return e, nil
}

// notManaged says why a container's log is not managed, or that this cannot be told; empty
// if it is.
func notManaged(ctx context.Context, runtime *docker.Runtime, podLogsDir, id string) string {
	c, err := runtime.Status(ctx, id)
	if err != nil || c.LogPath == "" {
		return ""
	}
	if _, err := logmgr.PlaceIn(podLogsDir, c); err != nil {
		return err.Error()
	}
	to, err := runtime.Redirect(ctx, id)
	switch {
	case errors.Is(err, logmgr.ErrNotFound):
		return "" // it goes just now
	case err != nil:
		return "where its output is cannot be told: " + err.Error()
	case !to.Elsewhere:
		return ""
	}
	return elsewhere(to) + obstacle(path.Join(c.LogDirectory, c.LogPath), to)
}

// elsewhere says who holds a log to which limit instead.
func elsewhere(to logmgr.Redirection) string {
	switch {
	case to.Path == "" && to.Driver != logmgr.JSONFile:
		return fmt.Sprintf("Docker's log driver %q takes the output, and there is no file that the log path could lead to; set log-driver json-file in Docker's daemon.json and restart Docker, which holds for new containers", to.Driver)
	case to.Path == "":
		return "Docker has not made its file yet"
	case to.MaxSize == 0:
		known := ""
		if to.Driver == "" { // nor are its options
			known = ", as far as is known,"
		}
		return fmt.Sprintf("Docker writes it to %s%s without a limit; max-size and max-file in Docker's daemon.json set one for new containers", to.Path, known)
	case to.MaxFiles == 1:
		return fmt.Sprintf("Docker writes it to %s and rotates it by itself, at %d bytes, with max-file 1: at each rotation all but the newest rotated file is lost, and with some versions of Docker that too; max-file in Docker's daemon.json keeps more, for new containers", to.Path, to.MaxSize)
	}
	return fmt.Sprintf("Docker writes it to %s and rotates it by itself, at %d bytes with %d files", to.Path, to.MaxSize, to.MaxFiles)
}

// obstacle says that something which is no link lies where the link to Docker's file belongs;
// empty: nothing does.
func obstacle(logPath string, to logmgr.Redirection) string {
	info, err := os.Lstat(logPath)
	if to.Path == "" || err != nil || info.Mode()&fs.ModeSymlink != 0 {
		return ""
	}
	return fmt.Sprintf("; a file lies where the link belongs, and what is in it is not the container's output: move %s away", logPath)
}

// silent is the logger of a command that tells all in what it prints.
func silent() logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

// findSandbox returns the sandbox in which a pod runs, or has run last.
func findSandbox(all []criruntime.Sandbox, wanted podName) (criruntime.Sandbox, error) {
	var found []criruntime.Sandbox
	for _, s := range all {
		if s.Namespace == wanted.namespace && s.Pod == wanted.pod {
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		return criruntime.Sandbox{}, exitcode.With(exitcode.NotFound, fmt.Errorf("the runtime knows no pod %s/%s%s", wanted.namespace, wanted.pod, suggest(near(all, wanted))))
	}
	return slices.MaxFunc(found, func(a, b criruntime.Sandbox) int {
		if a.Ready != b.Ready {
			if a.Ready {
				return 1
			}
			return -1
		}
		return a.Created.Compare(b.Created)
	}), nil
}

// mostNear is how many names are suggested.
const mostNear = 5

// near returns the pods that may have been meant: of the same name elsewhere, or
// of a name that begins in the same way.
func near(all []criruntime.Sandbox, wanted podName) []string {
	var names []string
	for _, s := range all {
		isSame := s.Pod == wanted.pod
		begins := strings.HasPrefix(s.Pod, wanted.pod) || strings.HasPrefix(wanted.pod, s.Pod)
		differsInCase := strings.EqualFold(s.Pod, wanted.pod)
		if isSame || differsInCase || begins && s.Namespace == wanted.namespace {
			names = append(names, s.Namespace+"/"+s.Pod)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(len(names), mostNear)]
}

func suggest(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(names, " or ") + "?"
}

// newestAttempts returns each container once, by name, as it was made last.
func newestAttempts(all []logmgr.Container) []logmgr.Container {
	slices.SortFunc(all, func(a, b logmgr.Container) int {
		if a.Name != b.Name {
			return strings.Compare(a.Name, b.Name)
		}
		return cmp.Compare(b.Attempt, a.Attempt)
	})
	return slices.CompactFunc(all, func(a, b logmgr.Container) bool { return a.Name == b.Name })
}

func chooseContainers(all []logmgr.Container, wanted podName) ([]logmgr.Container, error) {
	if len(all) == 0 {
		return nil, exitcode.With(exitcode.NotFound, fmt.Errorf("the runtime knows no container of the pod %s/%s", wanted.namespace, wanted.pod))
	}
	if wanted.container == "" {
		return all, nil
	}
	var names []string
	for i, c := range all {
		if c.Name == wanted.container {
			return all[i : i+1], nil
		}
		names = append(names, c.Name)
	}
	return nil, exitcode.With(exitcode.NotFound, fmt.Errorf("the pod %s/%s has no container %s; it has %s", wanted.namespace, wanted.pod, wanted.container, strings.Join(names, ", ")))
}
