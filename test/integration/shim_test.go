package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// keepAll is a limit that is reached often and a count that is never reached, so that
// every line that was written must be found.
func keepAll(c *config.Configuration) {
	c.Rotation.MaxSize = 1 << 20
	c.Rotation.MaxFiles = 100_000
	c.Rotation.CompressAfter = time.Second
}

// newShim starts a shim, and a client that speaks to the runtime through it if its mode is
// proxy.
func newShim(t *testing.T, runtime testbed.Runtime, change func(*config.Configuration)) (*testbed.Shim, *testbed.Client) {
	t.Helper()
	shim, err := testbed.NewShim(t.Context(), runtime, programs, func(c *config.Configuration) {
		c.Mode = config.Mode(*mode)
		if change != nil {
			change(c)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the shim's log ends with:\n%s", shim.Log())
		}
		if err := shim.Close(); err != nil {
			t.Errorf("end the shim: %v", err)
		}
	})
	client, err := shim.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return shim, client
}

// runWriter runs a pod with one seqwriter.
func runWriter(t *testing.T, client *testbed.Client, pod *runtimeapi.PodSandboxConfig, args ...string) *testbed.Container {
	t.Helper()
	p, err := client.RunPod(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.Run(t.Context(), testbed.ContainerConfig("app", 0, append([]string{"seqwriter"}, args...)...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually waits for a condition, for some minutes at most: only a failing test waits
// for so long, and a busy machine is no failure.
func eventually(t *testing.T, condition func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := testbed.Until(ctx, condition); err != nil {
		t.Fatal(err)
	}
}

// metricAtLeast waits until a metric of the shim has a value.
func metricAtLeast(t *testing.T, shim *testbed.Shim, value float64, name string, labels ...string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		found, err := shim.Metric(ctx, name, labels...)
		if err == nil && found < value {
			err = fmt.Errorf("%s%v is %v, not yet %v", name, labels, found, value)
		}
		return err
	})
}

// exited waits for the end of a container that ends by itself.
func exited(t *testing.T, c *testbed.Container) {
	t.Helper()
	if _, err := c.WaitState(t.Context(), runtimeapi.ContainerState_CONTAINER_EXITED); err != nil {
		t.Fatal(err)
	}
}

// complete ends the shim, since a log must not change while it is read, checks that every
// line was found once and in order, and returns what was found.
func complete(t *testing.T, shim *testbed.Shim, log string, streams ...string) testbed.Verification {
	t.Helper()
	if shim.Running() {
		if err := shim.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
	found, err := testbed.Verify(log)
	if err != nil {
		t.Fatal(err)
	}
	if err := found.Complete(streams...); err != nil {
		t.Errorf("%s: %v", log, err)
	}
	return found
}

// checkSurvivor checks the log of a container whose containerd has ended a number of times.
// Each end takes with it what containerd had read from the container and not yet written,
// which nobody else can have, and may leave half of the line of a stream that was just
// written. Nothing else is missing, and nothing is there twice or moved.
func checkSurvivor(t *testing.T, found testbed.Verification, ends int, streams ...string) {
	t.Helper()
	const readAhead = 64 << 10 / 128 // lines that fit into a pipe
	if found.Torn > ends*len(streams) {
		t.Errorf("%d lines end in their middle", found.Torn)
	}
	for _, stream := range streams {
		if s := found.Streams[stream]; s == nil || !s.Ended || s.Duplicated+s.OutOfOrder > 0 || s.Lost > uint64(ends)*readAhead {
			t.Errorf("%s: %v", stream, s)
		}
	}
}

// rotatedNames are the names of a log's rotated files, oldest first.
func rotatedNames(t *testing.T, log string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(log))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(log)+".") {
			names = append(names, e.Name())
		}
	}
	return names
}
