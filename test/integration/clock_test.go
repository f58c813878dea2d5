package integration

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// The shim's clock jumps to and fro, by an hour and by a year, while a container writes,
// and is right again when the shim is killed and started. No line is lost, and the names of
// the files stay in order.
func TestClockThatJumps(t *testing.T) {
	t.Parallel()
	onNewest(t, func(t *testing.T, containerd *testbed.Containerd) {
		shim, client := newShim(t, containerd, func(c *config.Configuration) {
			keepAll(c)
			c.Rotation.MaxSize = 64 << 10
			c.Rotation.KeepAfterRemoval = time.Hour
		})
		if err := errors.Join(shim.Stop(t.Context()), shim.StartWithClock(t.Context())); err != nil {
			t.Fatal(err)
		}
		writer := runWriter(t, client, containerd.PodConfig("default", "writer"), "-stream=both", "-rate=500000", "-duration=20s", "-stay")
		rotatesOn := func() {
			t.Helper()
			before := len(rotatedNames(t, writer.LogPath()))
			eventually(t, func(context.Context) error { return moreThan(before+8, rotatedNames(t, writer.LogPath())) })
		}
		const hour, year = time.Hour, 365 * 24 * time.Hour
		for _, ahead := range []time.Duration{hour, -hour, year, -year} {
			if err := shim.SetClock(ahead); err != nil {
				t.Fatal(err)
			}
			rotatesOn()
		}
		names := strings.Join(rotatedNames(t, writer.LogPath()), " ")
		if stamp := "0.log." + time.Now().Add(year).UTC().Format("2006"); !strings.Contains(names, stamp) {
			t.Errorf("no file bears next year's time, so the clock was never wrong: %s", names)
		}
		if err := errors.Join(shim.Kill(), shim.Start(t.Context())); err != nil {
			t.Fatal(err)
		}
		rotatesOn()
		eventually(t, func(context.Context) error {
			found, err := testbed.Verify(writer.LogPath())
			if err == nil {
				err = found.Complete("stdout", "stderr")
			}
			return err
		})
		if said, err := shim.Warnings(); err != nil || len(said) > 0 {
			t.Errorf("the shim complains: %q %v", said, err)
		}
	})
}
