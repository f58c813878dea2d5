package integration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// use starts those who use kubectl again and again until a time, and those who follow a
// log to its end.
func (r *kubectlRound) use(ctx context.Context, users *errgroup.Group, followed int, until time.Time) {
	shell := r.name("shell", 0)
	for n := range followed {
		users.Go(func() error { return r.followWhole(ctx, r.name("followed", n)) })
	}
	for command, once := range map[string]func(n int) error{
		"exec":         func(int) error { return r.echo(ctx, shell, 256<<10) },
		"attach":       func(n int) error { return r.attach(ctx, shell, fmt.Sprintf("word%d", n)) },
		"cp":           func(n int) error { return r.copyBoth(ctx, shell, fmt.Sprintf("%s/%d", r.dir, n), 256<<10) },
		"port-forward": func(int) error { return r.forwardOnce(ctx, shell) },
		"logs":         func(n int) error { return r.comeAndGo(ctx, r.name("brief", n)) },
	} {
		users.Go(func() error {
			for n := 0; time.Now().Before(until); n++ {
				if err := r.settle(command, once(n)); err != nil {
					return fmt.Errorf("%s %d: %w", command, n, err)
				}
			}
			return nil
		})
	}
}

// settle counts the outcome of a command, and returns an error that it must not have.
func (r *kubectlRound) settle(command string, err error) error {
	if err != nil && !r.mayBe(err) {
		return err
	}
	r.done.count(command, err)
	return nil
}

// mayBe tells whether an error is one of those that a killed shim may cause: the call that
// was in flight is cut off.
func (r *kubectlRound) mayBe(err error) bool {
	return r.rough && (strings.Contains(err.Error(), "Unavailable") || errors.Is(err, errCut))
}

// followWhole follows a log from its first line to its last, which it writes
// only once somebody follows.
func (r *kubectlRound) followWhole(ctx context.Context, pod string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for begun := false; ; {
		_, err := r.follow(ctx, pod, func() error {
			begun = true
			return testbed.Until(ctx, func(ctx context.Context) error { // the shim may just be killed
				said, err := r.Kubectl(ctx, "exec", pod, "--", "touch", "/tmp/go").CombinedOutput()
				if err != nil {
					return fmt.Errorf("kubectl exec: %w, it says %q", err, said)
				}
				return nil
			})
		})
		var skipped *gap
		if r.rough && errors.As(err, &skipped) {
			r.skip(pod, skipped.next)
			return nil
		}
		if err := r.settle("logs -f", err); err != nil || begun {
			return err
		}
	}
}

// skip notes a line of a pod that kubelet has shown after a gap. When a new file has come
// kubelet reads no more of the one before, which may have become longer while the shim was
// dead.
func (r *kubectlRound) skip(pod string, next uint64) {
	r.done.count("logs -f that skipped the end of a file", nil)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.skipped == nil {
		r.skipped = map[string]uint64{}
	}
	r.skipped[pod] = next
}

// forwardOnce forwards a port for one connection.
func (r *kubectlRound) forwardOnce(ctx context.Context, pod string) error {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	f, err := r.forward(ctx, pod, r.port)
	if err != nil {
		return err
	}
	return errors.Join(thereAndBack(ctx, f.address, 256<<10), f.end())
}

// comeAndGo runs a pod to its end, shows what it has logged, and deletes it.
func (r *kubectlRound) comeAndGo(ctx context.Context, pod string) error {
	const lines = 500 // in one file
	err := r.Create(ctx, testbed.StaticPod{Name: pod, Restart: "Never", Command: []string{"seqwriter", fmt.Sprintf("-count=%d", lines)}})
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var ended testbed.PodStatus
	err = testbed.Until(limited, func(ctx context.Context) error {
		ended, err = r.Pod(ctx, pod)
		if phase := ended.Status.Phase; err == nil && phase != "Succeeded" && phase != "Failed" {
			err = fmt.Errorf("pod %q is %+v", pod, ended.Status)
		}
		return err
	})
	if err != nil {
		return err
	}
	if ended.Status.Phase == "Failed" {
		return errors.Join(r.neverStarted(pod, ended), r.remove(ctx, pod))
	}
	shown, err := r.Kubectl(limited, "logs", pod).CombinedOutput()
	var count numbered
	for line := range strings.Lines(string(shown)) {
		err = errors.Join(err, count.add(line))
	}
	if err != nil || count.last != lines {
		err = fmt.Errorf("kubectl logs: it shows %d of %d lines: %w", count.last, lines, err)
	}
	return errors.Join(err, r.remove(ctx, pod))
}

// neverStarted says why a pod has failed: errCut if it was cut off in its start, as it is by
// whatever stands between kubelet and the runtime and dies.
func (r *kubectlRound) neverStarted(pod string, ended testbed.PodStatus) error {
	for _, c := range ended.Status.ContainerStatuses {
		over := c.State.Terminated
		switch {
		case over == nil:
		case over.Reason == "StartError", over.Reason == "ContainerCannotRun":
			return fmt.Errorf("pod %q: %+v: %w", pod, *over, errCut)
		default:
			return fmt.Errorf("pod %q has failed: %+v", pod, *over)
		}
	}
	return fmt.Errorf("pod %q has failed: %+v", pod, ended.Status)
}

// beginStreams attaches to a container and forwards a port for the whole round.
func (r *kubectlRound) beginStreams(t *testing.T) (*attachment, *forwarding) {
	t.Helper()
	attached, err := r.beginAttach(t.Context(), r.name("shell", 0))
	if err != nil {
		t.Fatal(err)
	}
	forwarding, err := r.forward(t.Context(), r.name("shell", 0), r.port)
	if err != nil {
		t.Fatal(err)
	}
	return attached, forwarding
}

// stayAttached speaks over one attach that lasts for the round.
func (r *kubectlRound) stayAttached(ctx context.Context, a *attachment, until time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, until.Add(commandTime))
	defer cancel()
	var err error
	for n := 0; err == nil && time.Now().Before(until); n++ {
		if err = a.say(ctx, fmt.Sprintf("still%d", n)); err == nil {
			r.done.count("words over a lasting attach", nil)
		}
	}
	if err := errors.Join(err, a.end()); err != nil {
		return fmt.Errorf("a lasting attach: %w", err)
	}
	return nil
}

// keepForwarding sends bytes over one port-forward that lasts for the round.
func (r *kubectlRound) keepForwarding(ctx context.Context, f *forwarding, until time.Time) error {
	var err error
	for err == nil && time.Now().Before(until) {
		if err = thereAndBack(ctx, f.address, 1<<20); err == nil {
			r.done.count("connections over a lasting port-forward", nil)
		}
	}
	if err := errors.Join(err, f.end()); err != nil {
		return fmt.Errorf("a lasting port-forward: %w", err)
	}
	return nil
}

// outcomes count what was done. The zero value is ready.
type outcomes struct {
	mutex  sync.Mutex
	done   map[string]int
	failed map[string]int // as they may
}

func (o *outcomes) count(what string, err error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.done == nil {
		o.done, o.failed = map[string]int{}, map[string]int{}
	}
	if o.done[what]++; err != nil {
		o.failed[what]++
	}
}

func (o *outcomes) String() string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	var all []string
	for _, what := range slices.Sorted(maps.Keys(o.done)) {
		text := fmt.Sprintf("%d %s", o.done[what], what)
		if n := o.failed[what]; n > 0 {
			text += fmt.Sprintf(" (%d cut off by a kill)", n)
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}
