package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// Everything that can disturb happens at once, at random: the shim is killed, at any
// moment and at its steps; its configuration is rewritten five times a second; a second
// rotator shares a log; containers come, exit and go. No line is lost and none is doubled.
//
// It is one short round as part of all tests, and with -soak as many as fit.
func TestDisturbedAtRandom(t *testing.T) {
	onBoth(t, func(t *testing.T, containerd *testbed.Containerd) {
		round, ends := 6*time.Second, time.Now().Add(*soak/3) // for each of two versions of containerd; the rest is kubectl's
		if *soak > 0 {
			round = 20 * time.Second
		}
		d := newDisturbance(t, containerd)
		for n := 1; n == 1 || time.Now().Before(ends) && !t.Failed(); n++ {
			d.round(t, n, round)
		}
		t.Logf("%v", d.total)
	})
}

// disturbance is a shim before a containerd, and what befalls it.
type disturbance struct {
	*killHarness // its logs are new in every round
	containerd   *testbed.Containerd
	direct       *testbed.Client
	pods         []*testbed.Pod // of this round
	total        tally
}

// tally counts what has happened.
type tally struct {
	kills, strikes, reloads  int // to the shim
	files, attempts, renamed int // of the flood; of containers that come and go; by the second rotator
	bytes                    int64
}

func (n tally) String() string {
	return fmt.Sprintf("%d kills at random, %d at a step, %d reloads; %d MB in %d files, %d containers came and went, %d rotations by somebody else",
		n.kills, n.strikes, n.reloads, n.bytes/1_000_000, n.files, n.attempts, n.renamed)
}

func newDisturbance(t *testing.T, containerd *testbed.Containerd) *disturbance {
	t.Helper()
	direct, err := containerd.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := direct.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &disturbance{containerd: containerd, direct: direct, killHarness: &killHarness{}}
	d.shim, _ = newShim(t, containerd, often)
	return d
}

// often and seldom are the two policies between which the configuration changes.
func often(c *config.Configuration) {
	c.Rotation = config.Default().Rotation
	keepAll(c)
	c.Rotation.CompressAfter = 100 * time.Millisecond
	c.Rotation.KeepAfterRemoval = time.Hour
	c.Files = config.Files{Group: "4", Mode: 0o644}
}

func seldom(c *config.Configuration) {
	often(c)
	c.Rotation.MaxSize = 3 << 20
	c.Rotation.MaxAge = time.Second
	c.Rotation.Compression = config.CompressionZstd
	c.Files = config.Files{Group: "5", Mode: 0o640}
}

// round disturbs new containers for a while, then checks what they have logged.
func (d *disturbance) round(t *testing.T, number int, length time.Duration) {
	t.Helper()
	if !d.shim.Running() {
		if err := d.shim.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	pod := func(name string) *testbed.Pod {
		p, err := d.direct.RunPod(t.Context(), d.containerd.PodConfig("default", fmt.Sprintf("%s-%d", name, number)))
		if err != nil {
			t.Fatal(err)
		}
		d.pods = append(d.pods, p)
		return p
	}
	writer := func(name, rate string) *testbed.Container {
		c, err := pod(name).Run(t.Context(), testbed.ContainerConfig("app", 0, "seqwriter", "-stream=both", "-rate="+rate))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	d.whole = writer("flood", "12000000")
	shared := writer("shared", "3000000")
	before := d.total
	coming := pod("coming")
	others, running := errgroup.WithContext(t.Context())
	others.Go(func() error { return d.comeAndGo(running, coming, length) })
	others.Go(func() error { return d.rotateToo(running, shared, length) })
	d.disturb(t, length)
	if err := others.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*testbed.Container{d.whole, shared} {
		if err := c.Stop(t.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	d.check(t, shared, coming, d.total.attempts-before.attempts)
	if *soak > 0 {
		t.Logf("after %d rounds: %v", number, d.total)
	}
	d.clear(t)
}

// disturb does something to the shim, again and again, and leaves it running.
func (d *disturbance) disturb(t *testing.T, length time.Duration) {
	t.Helper()
	var steps []killStep
	for _, s := range killSteps() {
		if s.of == "" {
			steps = append(steps, s)
		}
	}
	kill := func() { d.kill(t, 1+rand.IntN(5)) }
	strike := func() {
		often(&d.shim.Config)
		d.strikeAt(t, steps[rand.IntN(len(steps))])
		if err := d.shim.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	reload := func() { d.reload(t, 10) }
	acts := []func(){kill, strike, reload}
	for ends := time.Now().Add(length); time.Now().Before(ends); {
		for _, n := range rand.Perm(len(acts)) {
			acts[n]()
		}
	}
	d.total.kills, d.total.strikes = d.killed, d.struck
}

// reload rewrites the configuration, five times a second, to one policy and the other.
func (d *disturbance) reload(t *testing.T, times int) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for n := range times {
		change := []func(*config.Configuration){seldom, often}[n%2]
		change(&d.shim.Config)
		if err := d.shim.Rewrite(); err != nil {
			t.Fatal(err)
		}
		if rand.IntN(2) == 0 { // the other times it has to be seen in the file
			if err := d.shim.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
		}
		d.total.reloads++
		<-tick.C
	}
}

// comeAndGo runs attempt after attempt of a container, as kubelet does when it crashes,
// and removes all but the last.
func (d *disturbance) comeAndGo(ctx context.Context, pod *testbed.Pod, length time.Duration) error {
	var last *testbed.Container
	ends := time.Now().Add(length)
	for attempt := uint32(0); time.Now().Before(ends); attempt++ {
		lines := fmt.Sprintf("-count=%d", rand.IntN(20_000))
		c, err := pod.Run(ctx, testbed.ContainerConfig("app", attempt, "seqwriter", "-stream=both", lines))
		if err != nil {
			return err
		}
		// A container that ends as it is started can make containerd wait for ever for the
		// end of its output.
		limited, cancel := context.WithTimeout(ctx, time.Minute)
		_, err = c.WaitState(limited, runtimeapi.ContainerState_CONTAINER_EXITED)
		cancel()
		if err != nil {
			return fmt.Errorf("attempt %d of %s: %w", attempt, lines, err)
		}
		if last != nil {
			if err := last.Remove(ctx); err != nil {
				return err
			}
		}
		last = c
		d.total.attempts++
	}
	return nil
}

// rotateToo rotates a log as kubelet would, through the shim, which may just be dead. It
// does not put a log back when the reopen fails: kubelet does, over a new log that may be
// there by then, and nobody but kubelet can prevent that loss.
func (d *disturbance) rotateToo(ctx context.Context, c *testbed.Container, length time.Duration) error {
	kubelet, err := d.shim.Dial()
	if err != nil {
		return err
	}
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	second := time.Now()
	for ends := second.Add(length); time.Now().Before(ends); second = second.Add(time.Second) {
		<-tick.C
		if rotated, err := rotateAsKubelet(ctx, kubelet, c, second); err != nil {
			return err
		} else if rotated {
			d.total.renamed++
		}
	}
	return kubelet.Close()
}

// check ends the shim and looks for every line of the round. What the last kill has left
// both compressed and not is healed before that.
func (d *disturbance) check(t *testing.T, shared *testbed.Container, coming *testbed.Pod, attempts int) {
	t.Helper()
	for _, log := range []string{d.whole.LogPath(), shared.LogPath(), filepath.Join(coming.Config.LogDirectory, "app", "0.log")} {
		eventually(t, func(context.Context) error { return unpaired(filepath.Dir(log)) })
	}
	found := complete(t, d.shim, d.whole.LogPath(), "stdout", "stderr")
	d.total.files += found.Files
	d.total.bytes += found.Bytes
	completeInAnyOrder(t, shared.LogPath())
	for attempt := range attempts {
		c := testbed.Container{Pod: coming, Config: testbed.ContainerConfig("app", uint32(attempt))}
		complete(t, d.shim, c.LogPath(), "stdout", "stderr")
	}
}

// unpaired is nil if no file of a directory is there compressed and uncompressed.
func unpaired(dir string) error {
	names, err := inodes(dir)
	if err != nil {
		return err
	}
	for name := range names {
		for _, suffix := range []string{".gz", ".zst"} {
			if _, both := names[name+suffix]; both {
				return fmt.Errorf("%s has both %s and its compressed form", dir, name)
			}
		}
	}
	return nil
}

// clear removes the pods and, as kubelet does, what they have logged.
func (d *disturbance) clear(t *testing.T) {
	t.Helper()
	for _, pod := range d.pods {
		if err := pod.Remove(t.Context()); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(pod.Config.LogDirectory); err != nil {
			t.Error(err)
		}
	}
	d.pods = nil
}
