package integration

import (
	"context"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// Whatever befalls the shim, dockershim and the links while Docker writes and rotates: no
// line is lost and none is doubled, every log leads to Docker's file again, and Docker's
// files stay nobody else's.
//
// It is one round as part of all tests, and with -soak as many as fit.
func TestDockerDisturbedAtRandom(t *testing.T) {
	t.Parallel()
	d := &dockerDisturbance{dockerLinks: newDockerLinks(t, testbed.DockerOptions{
		LogOptions: map[string]string{"max-size": "500k", "max-file": "10000"},
	})}
	const untilTold = "seqwriter -stream=both -rate=600000 & until [ -e /end ]; do sleep 0.1; done; kill $!; wait; exec sleep 1000000"
	var err error
	if d.writer, err = d.pod(t, "writer").Run(t.Context(), testbed.ContainerConfig("app", 0, "sh", "-c", untilTold)); err != nil {
		t.Fatal(err)
	}
	d.coming = d.pod(t, "coming")
	rounds := 0
	for ends := time.Now().Add(*soak / 6); rounds == 0 || time.Now().Before(ends) && !t.Failed(); rounds++ {
		d.round(t)
	}
	tell(t, d.client, d.writer, "/end")
	found := becomesComplete(t, d.writer, bothStreams)
	d.checkUntouched(t)
	t.Logf("%d rounds; %d MB in %d files, %d containers came and went", rounds, found.Bytes/1_000_000, found.Files, d.attempts)
}

// dockerDisturbance is a shim before dockershim, and what befalls the two.
type dockerDisturbance struct {
	*dockerLinks
	writer   *testbed.Container
	coming   *testbed.Pod // whose containers come and go
	attempts uint32
}

// round does everything in any order and waits until all is right again.
func (d *dockerDisturbance) round(t *testing.T) {
	t.Helper()
	steps := []func(t *testing.T){d.killShim, d.killDockershim, d.removeLink, d.leadAstray, d.comeAndGo}
	rand.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
	for _, step := range steps {
		step(t)
		time.Sleep(rand.N(300 * time.Millisecond))
	}
	d.becomesRight(t, d.writer)
}

func (d *dockerDisturbance) killShim(t *testing.T) {
	t.Helper()
	if err := d.shim.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := d.shim.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.works(t)
}

func (d *dockerDisturbance) killDockershim(t *testing.T) {
	t.Helper()
	if err := d.dockershim.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.dockershim.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.works(t)
}

// works waits until calls through the shim are answered again.
func (d *dockerDisturbance) works(t *testing.T) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		_, err := d.client.Version(ctx, &runtimeapi.VersionRequest{})
		return err
	})
}

// removeLink takes the link away, if it is there.
func (d *dockerDisturbance) removeLink(t *testing.T) {
	t.Helper()
	if err := os.Remove(d.writer.LogPath()); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
}

func (d *dockerDisturbance) leadAstray(t *testing.T) {
	t.Helper()
	leadAstray(t, d.writer.LogPath())
}

// comeAndGo is a container's whole life.
func (d *dockerDisturbance) comeAndGo(t *testing.T) {
	t.Helper()
	c, err := d.coming.Run(t.Context(), testbed.ContainerConfig("app", d.attempts, "seqwriter", "-stream=both", "-count=1000", "-stay"))
	if err != nil {
		t.Fatal(err)
	}
	d.attempts++
	becomesComplete(t, c, bothStreams)
	if err := c.Stop(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	exited(t, c)
	if err := c.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	becomesNone(t, c)
}
