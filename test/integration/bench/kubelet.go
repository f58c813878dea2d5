package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

const (
	// fixedRate is by how many bytes a second a log grows when its writer is not as
	// fast as containerd takes it.
	fixedRate = 45_000_000
	// lineLength is what seqwriter writes, loggedLength what containerd makes of it.
	lineLength, loggedLength = 128, 168
	// restTime is how long a kubelet without any pod is watched; twice kubelet's
	// default monitor interval.
	restTime = 20 * time.Second
)

// trial is one flood before a real kubelet: who rotates, and how fast is written.
type trial struct {
	rotator string
	logs    testbed.ContainerLogs // kubelet's settings
	shim    bool                  // whether cri-logshim is between kubelet and containerd
	rate    int64                 // by which the log grows in bytes a second; 0: as fast as containerd takes them
}

func (t trial) name() string { return t.writer() + ", " + t.rotator }

func (t trial) writer() string {
	if t.rate == 0 {
		return "as fast as containerd takes it"
	}
	return fmt.Sprintf("%d MB/s", t.rate/1_000_000)
}

// trials are all floods of the kubelet part. Each rotator has the same limit and the
// same number of files. Kubelet's interval is at least three seconds.
func trials() []trial {
	fastest := testbed.DefaultContainerLogs()
	fastest.MonitorInterval, fastest.MaxWorkers = 3*time.Second, 4
	var all []trial
	for _, rate := range []int64{0, fixedRate} {
		all = append(all,
			trial{"cri-logshim", testbed.LeftToTheShim(), true, rate},
			trial{"kubelet, 10 s, 1 worker", testbed.DefaultContainerLogs(), false, rate},
			trial{"kubelet, 3 s, 4 workers", fastest, false, rate})
	}
	return all
}

// kubeletPart runs the trials one after the other, each on a node of its own.
func kubeletPart(ctx context.Context, s settings, programs testbed.Programs, r *report, progress io.Writer) error {
	install, err := testbed.Installed(testbed.Newest)
	if err != nil {
		return err
	}
	for _, t := range s.trials {
		fmt.Fprintf(progress, "flooding a log for %v before kubelet %s: %s\n", s.kubelet, testbed.KubeletVersion, t.name())
		o, err := t.run(ctx, s.kubelet, install, programs)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name(), err)
		}
		r.Trials = append(r.Trials, o)
	}
	return nil
}

// run is one trial, of which nothing is left on the machine afterwards.
func (t trial) run(ctx context.Context, d time.Duration, install testbed.Install, programs testbed.Programs) (o outcome, err error) {
	n, err := t.startNode(ctx, install, programs)
	defer func() { err = errors.Join(err, n.close()) }()
	if err != nil {
		return outcome{}, err
	}
	rest, err := n.atRest(ctx)
	if err != nil {
		return outcome{}, err
	}
	o, err = n.flood(ctx, t.rate, d)
	if err != nil {
		return outcome{}, fmt.Errorf("%w\nkubelet's log ends:\n%s", err, n.kubelet.Log())
	}
	o.Writer, o.Rotator = t.writer(), t.rotator
	o.KubeletAtRest = rest.Seconds() / restTime.Seconds() * o.Seconds
	return o, nil
}

// kubeletNode is a containerd and a kubelet, with or without a shim between them.
type kubeletNode struct {
	containerd *testbed.Containerd
	shim       *testbed.Shim // nil: none
	kubelet    *testbed.Kubelet
}

// startNode starts the processes of a trial. Also when it fails, the node has to be closed.
func (t trial) startNode(ctx context.Context, install testbed.Install, programs testbed.Programs) (n kubeletNode, err error) {
	if n.containerd, err = testbed.New(ctx, install, programs); err != nil {
		return n, err
	}
	endpoint := n.containerd.Endpoint()
	if t.shim {
		n.shim, err = testbed.NewShim(ctx, n.containerd, programs, func(c *config.Configuration) {
			c.Node = config.Node{} // how full the machine's disk is shall not matter
		})
		if err != nil {
			return n, err
		}
		endpoint = n.shim.Config.Listen
	}
	n.kubelet, err = testbed.NewKubelet(ctx, n.containerd, programs, testbed.KubeletOptions{Endpoint: endpoint, Logs: t.logs})
	return n, err
}

func (n kubeletNode) close() error {
	var errs []error
	if n.kubelet != nil {
		errs = append(errs, n.kubelet.Close())
	}
	if n.shim != nil {
		errs = append(errs, n.shim.Close())
	}
	if n.containerd != nil {
		errs = append(errs, n.containerd.Close())
	}
	return errors.Join(errs...)
}

// atRest is the CPU time that kubelet takes in restTime while no pod runs.
func (n kubeletNode) atRest(ctx context.Context) (time.Duration, error) {
	before, err := n.cpu()
	if err != nil {
		return 0, err
	}
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-time.After(restTime):
	}
	after, err := n.cpu()
	return after.kubelet - before.kubelet, err
}

// used is CPU time of the processes that may rotate.
type used struct{ kubelet, shim time.Duration }

func (n kubeletNode) cpu() (u used, err error) {
	pid, err := n.kubelet.PID()
	if err != nil {
		return u, err
	}
	if u.kubelet, err = cpuOf(pid); err != nil {
		return u, fmt.Errorf("read CPU clock of kubelet: %w", err)
	}
	if n.shim != nil {
		if u.shim, err = cpuOf(n.shim.PID()); err != nil {
			return u, fmt.Errorf("read CPU clock of cri-logshim: %w", err)
		}
	}
	return u, nil
}

// flood runs a pod that writes, watches its log directory until the end, and reads back
// what is left of its log when nobody rotates it any more.
func (n kubeletNode) flood(ctx context.Context, rate int64, d time.Duration) (o outcome, err error) {
	before, err := n.cpu()
	if err != nil {
		return o, err
	}
	pod := testbed.StaticPod{Name: "flood", Restart: "Never", Command: []string{
		"seqwriter", "-stream=both", fmt.Sprintf("-length=%d", lineLength), fmt.Sprintf("-rate=%d", rate*lineLength/loggedLength), "-duration=" + d.String(), fmt.Sprintf("-count=%d", floodLines),
	}}
	if err := n.kubelet.Run(pod); err != nil {
		return o, err
	}
	container, err := n.kubelet.Running(ctx, pod)
	if err != nil {
		return o, err
	}
	ending, cancel := context.WithTimeout(ctx, d+floodMargin)
	defer cancel()
	watch := watchDir(ending, container.LogPath())
	status, err := container.WaitState(ending, runtimeapi.ContainerState_CONTAINER_EXITED)
	seen, errWatch := watch.end()
	if err := errors.Join(err, errWatch); err != nil {
		return o, err
	}
	after, err := n.cpu()
	if err != nil {
		return o, err
	}
	if err := n.stop(ctx); err != nil {
		return o, err
	}
	lines, err := testbed.Verify(container.LogPath())
	if err != nil {
		return o, err
	}
	o = newOutcome(lines, seen, time.Duration(status.GetFinishedAt()-status.GetStartedAt()))
	o.Kubelet, o.Shim = (after.kubelet - before.kubelet).Seconds(), (after.shim - before.shim).Seconds()
	return o, nil
}

// stop ends whoever may rotate.
func (n kubeletNode) stop(ctx context.Context) error {
	err := n.kubelet.Stop(ctx)
	if n.shim != nil {
		err = errors.Join(err, n.shim.Stop(ctx))
	}
	return err
}
