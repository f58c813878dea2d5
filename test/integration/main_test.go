// Package integration tests cri-logshim against real container runtimes. Its tests need
// root, and a cache that hack/setup.sh has filled; without either they fail.
package integration

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// programs are this repository's, built once for all tests.
var programs testbed.Programs

// soak makes the tests that kill and disturb at random go on for long.
var soak = flag.Duration("soak", 0, "how long to disturb at random; 0: as long as all tests can wait for")

// mode is the one of the shims that newShim starts.
var mode = flag.String("mode", string(config.ModeProxy), "the mode of cri-logshim: what is tested of logs holds in manage too")

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration tests cannot run:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if os.Geteuid() != 0 {
		return 0, fmt.Errorf("they start containerd and pods, which needs root")
	}
	if err := testbed.SweepAbandoned(); err != nil {
		fmt.Fprintln(os.Stderr, "what runs before were killed with is not removed:", err)
	}
	dir, err := testbed.NewFolder("")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if programs, err = testbed.Build(context.Background(), dir); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// onEach runs a test against the newest version of every line of containerd that is
// supported. It is for what the lines may differ in; for all else, onBoth.
func onEach(t *testing.T, test func(t *testing.T, containerd *testbed.Containerd)) {
	t.Helper()
	for _, version := range []string{testbed.Newest, testbed.Middle, testbed.Oldest} {
		on(t, version, test)
	}
}

// onBoth runs a test against the newest and the oldest supported version of containerd.
func onBoth(t *testing.T, test func(t *testing.T, containerd *testbed.Containerd)) {
	t.Helper()
	for _, version := range []string{testbed.Newest, testbed.Oldest} {
		on(t, version, test)
	}
}

// onNewest runs a test against the newest supported version of containerd.
func onNewest(t *testing.T, test func(t *testing.T, containerd *testbed.Containerd)) {
	t.Helper()
	on(t, testbed.Newest, test)
}

func on(t *testing.T, version string, test func(t *testing.T, containerd *testbed.Containerd)) {
	t.Helper()
	t.Run("containerd "+version, func(t *testing.T) {
		install, err := testbed.Installed(version)
		if err != nil {
			t.Fatal(err)
		}
		containerd, err := testbed.New(t.Context(), install, programs)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := containerd.Close(); err != nil {
				t.Errorf("clean up: %v", err)
			}
		})
		test(t, containerd)
	})
}
