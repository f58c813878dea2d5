package integration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// Many use kubectl at once while pods flood, crash, come and go, and the shim, whose
// socket is held by its service manager, is disturbed. While it is reloaded and restarted
// every command does what it does otherwise. While it is killed a command may fail, but
// only with the word that the runtime is unavailable; what is shown of a log is whole up
// to there, but for the end of a file that a new one has come after; and who is attached or
// forwards a port does not notice.
//
// It is a short round of either kind as part of all tests, and with -soak as many as fit.
func TestKubectlDisturbed(t *testing.T) {
	onNewest(t, func(t *testing.T, containerd *testbed.Containerd) {
		d := newKubectlDisturbance(t, containerd)
		length, followed, ends := 5*time.Second, 2, time.Now().Add(*soak/3)
		if *soak > 0 {
			length, followed = 30*time.Second, 6
		}
		for n := 1; n <= 2 || time.Now().Before(ends) && !t.Failed(); n++ {
			d.round(t, n, followed, length)
		}
		t.Logf("%v", &d.done)
	})
}

// kubectlDisturbance is a node with a shim, what befalls the shim, and what is done meanwhile.
type kubectlDisturbance struct {
	*kubectlNode
	shim *testbed.Shim
	port int // of an echo server
	done outcomes
}

func newKubectlDisturbance(t *testing.T, containerd *testbed.Containerd) *kubectlDisturbance {
	t.Helper()
	shim, _ := newShim(t, containerd, func(c *config.Configuration) {
		keepAll(c)
		c.Rotation.MaxSize = 512 << 10
	})
	if err := errors.Join(shim.Stop(t.Context()), shim.HoldSocket()); err != nil {
		t.Fatal(err)
	}
	if err := shim.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &kubectlDisturbance{kubectlNode: newKubectlNode(t, containerd, shim.Config.Listen, nil), shim: shim, port: echoServer(t)}
}

// round runs new pods, uses and disturbs them for a while, and deletes them. In every
// second one the shim is killed.
func (d *kubectlDisturbance) round(t *testing.T, number, followed int, length time.Duration) {
	t.Helper()
	r := &kubectlRound{kubectlDisturbance: d, dir: t.TempDir(), number: number, rough: number%2 == 0}
	pods := r.pods(followed, length)
	for _, pod := range pods {
		if err := d.Create(t.Context(), pod); err != nil {
			t.Fatal(err)
		}
	}
	for _, pod := range pods {
		if pod.Restart == "Never" {
			d.waitReady(t, pod.Name, 0)
		}
	}
	users, using := errgroup.WithContext(t.Context())
	attached, forwarding := r.beginStreams(t)
	until := time.Now().Add(length)
	r.use(using, users, followed, until)
	users.Go(func() error { return r.stayAttached(using, attached, until) })
	users.Go(func() error { return r.keepForwarding(using, forwarding, until) })
	r.disturb(t, until)
	if err := users.Wait(); err != nil {
		t.Errorf("round %d: %v", number, err)
	}
	for n := range followed {
		r.checkWritten(t, r.name("followed", n))
	}
	r.checkWritten(t, r.name("flood", 0))
	for _, pod := range pods {
		if err := r.remove(t.Context(), pod.Name); err != nil {
			t.Error(err)
		}
	}
	if *soak > 0 {
		t.Logf("after %d rounds: %v", number, &d.done)
	}
}

// kubectlRound is a round of a disturbance.
type kubectlRound struct {
	*kubectlDisturbance
	dir    string
	number int
	rough  bool // the shim is killed

	mutex   sync.Mutex
	skipped map[string]uint64 // by pod: the line before which kubelet has skipped others
}

func (r *kubectlRound) name(kind string, n int) string {
	return fmt.Sprintf("%s-%d-%d", kind, r.number, n)
}

// pods are those that are there for the whole round.
func (r *kubectlRound) pods(followed int, length time.Duration) []testbed.StaticPod {
	pods := []testbed.StaticPod{
		{Name: r.name("shell", 0), Restart: "Never", Containers: []testbed.StaticContainer{
			{Name: testbed.AppContainer, Command: []string{"sleep", "1000000"}},
			{Name: "reader", Command: []string{"sh", "-c", `while read line; do echo "got $line"; done`}, Stdin: true},
		}},
		{Name: r.name("crashing", 0), Restart: "Always", Command: []string{"seqwriter", "-count=5000", "-linger=0", "-exit-code=1"}},
		{Name: r.name("flood", 0), Restart: "Never", Command: []string{"seqwriter", "-rate=3000000", "-duration=" + length.String(), "-stay"}},
	}
	slow := fmt.Sprintf("echo ready; until [ -e /tmp/go ]; do usleep 20000; done; exec seqwriter -rate=100000 -duration=%v -stay", length)
	for n := range followed {
		pods = append(pods, testbed.StaticPod{Name: r.name("followed", n), Restart: "Never", Command: []string{"sh", "-c", slow}})
	}
	return pods
}

// disturb does something to the shim, again and again, and leaves it running.
func (r *kubectlRound) disturb(t *testing.T, until time.Time) {
	t.Helper()
	restart := func() error { return errors.Join(r.shim.Stop(t.Context()), r.start(t.Context())) }
	reload := func() error { return r.shim.Reload(t.Context()) }
	kill := func() error { return errors.Join(r.shim.Kill(), r.start(t.Context())) }
	acts := map[string]func() error{"restarts": restart, "reloads": reload}
	if r.rough {
		acts = map[string]func() error{"kills": kill}
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(until) {
		for name, act := range acts {
			if err := act(); err != nil {
				t.Fatal(err)
			}
			r.done.count(name, nil)
			<-tick.C
		}
	}
}

// start starts the shim and waits until it is there: its socket is there before.
func (r *kubectlRound) start(ctx context.Context) error {
	if err := r.shim.Start(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	return testbed.Until(ctx, func(ctx context.Context) error {
		_, err := r.shim.Get(ctx, "/metrics")
		return err
	})
}

// checkWritten checks the files of a log when its writer has come to an end. Its very first
// line may be another than a numbered one.
func (r *kubectlRound) checkWritten(t *testing.T, pod string) {
	t.Helper()
	log := r.logFile(t, pod, testbed.AppContainer, 0)
	eventually(t, func(context.Context) error { // a file may just be being compressed
		found, err := testbed.Verify(log)
		if err != nil {
			return err
		}
		s := found.Streams["stdout"]
		if s == nil || !s.Ended || s.Lost+s.Duplicated+s.OutOfOrder > 0 {
			return fmt.Errorf("%s: %v", pod, s)
		}
		if next, is := r.skipped[pod]; is && !slices.Contains(s.Begins, next) {
			t.Errorf("kubectl logs -f of %s goes on with line %d after a gap; its files begin with %d", pod, next, s.Begins)
		}
		return nil
	})
}

// remove deletes a pod and waits until it is gone.
func (r *kubectlRound) remove(ctx context.Context, pod string) error {
	if err := r.Delete(ctx, pod); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	return testbed.Until(ctx, func(ctx context.Context) error {
		_, err := r.Pod(ctx, pod)
		switch {
		case errors.Is(err, testbed.ErrNotFound):
			return nil
		case err == nil:
			return fmt.Errorf("pod %q is still there", pod)
		}
		return err
	})
}
