package runtimetest_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFakeConforms(t *testing.T) {
	for name, set := range map[string]func(*runtimetest.Fake){
		"containerd":                     func(*runtimetest.Fake) {},
		"containerd with a slow reopen":  func(f *runtimetest.Fake) { f.Latency = 3 * time.Millisecond },
		"containerd with a late flush":   func(f *runtimetest.Fake) { f.FlushAfter = 3 * time.Millisecond },
		"conmon":                         func(f *runtimetest.Fake) { f.Style = runtimetest.Conmon },
		"conmon with a doorbell at hand": func(f *runtimetest.Fake) { f.Style, f.Bell = runtimetest.Conmon, runtimetest.NewDoorbell() },
	} {
		t.Run(name, func(t *testing.T) {
			fake := runtimetest.NewFake()
			set(fake)
			dir := t.TempDir()
			n := 0
			runtimetest.Conform(t, runtimetest.Env{
				Runtime:    fake,
				PodLogsDir: dir,
				Overwrites: fake.Style == runtimetest.Conmon,
				Run: func(t *testing.T) runtimetest.Instance {
					n++
					return run(t, fake, dir, n)
				},
			})
		})
	}
}

// run runs a container of a fake that writes all the time.
func run(t *testing.T, fake *runtimetest.Fake, dir string, n int) runtimetest.Instance {
	t.Helper()
	facts := logmgr.Container{
		ID: fmt.Sprint("id", n), SandboxID: "sandbox", Namespace: "ns", Pod: "pod", PodUID: fmt.Sprint("uid", n), Name: "app",
		PodLabels: map[string]string{"team": "web"}, PodAnnotations: map[string]string{"cri-logshim.io/maxFiles": "7"},
		LogPath: filepath.Join(dir, fmt.Sprint("ns_pod_uid", n), "app", "0.log"),
	}
	c, err := fake.Make(facts)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan error)
	go func() {
		var err error
		for tick := time.NewTicker(time.Millisecond); err == nil; <-tick.C {
			select {
			case <-stop:
				stopped <- errors.Join(c.Finish(), c.Exit())
				return
			default:
				err = errors.Join(c.Print("stdout", 3, 80), c.Print("stderr", 1, 20))
			}
		}
		<-stop
		stopped <- err
	}()
	running := true
	end := func(t *testing.T) {
		t.Helper()
		if running {
			running = false
			close(stop)
			if err := <-stopped; err != nil {
				t.Error(err)
			}
			fake.Flushed()
		}
	}
	t.Cleanup(func() {
		end(t)
		if err := fake.Close(); err != nil {
			t.Error(err)
		}
	})
	return runtimetest.Instance{Facts: facts, Stop: end, Remove: func(t *testing.T) {
		t.Helper()
		if err := fake.Remove(facts.ID); err != nil {
			t.Error(err)
		}
	}}
}

// TestVerifySeesEveryFault makes sure that the other tests can fail.
func TestVerifySeesEveryFault(t *testing.T) {
	line := func(n int) string { return fmt.Sprintf("2026-11-21T01:02:03.000000004Z stdout F stdout %d x\n", n) }
	const part = "2026-11-21T01:02:03.000000004Z stdout P stdout "
	for name, test := range map[string]struct {
		old, current string
		want         uint64
		fails        bool
	}{
		"all there":          {line(1) + line(2), line(3), 3, false},
		"all in one":         {"", line(1) + line(2), 2, false},
		"across a partial":   {line(1) + part + "\n", "2026-11-21T01:02:03.000000004Z stdout F 2 x\n", 2, false},
		"first lost":         {line(2), line(3), 3, true},
		"last lost":          {line(1), line(2), 3, true},
		"one lost":           {line(1), line(3), 3, true},
		"one twice":          {line(1) + line(2), line(2) + line(3), 3, true},
		"swapped":            {line(2), line(1), 2, true},
		"cut":                {line(1), line(2)[:20], 2, true},
		"other":              {line(1), "2026-11-21T01:02:03.000000004Z stdout F hello\n", 1, true},
		"nothing":            {"", "", 1, true},
		"unfinished partial": {line(1), part + "\n", 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			log := filepath.Join(dir, "ns_pod_uid", "app", "0.log")
			if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
				t.Fatal(err)
			}
			for path, text := range map[string]string{log + ".20260101-000000.000000000": test.old, log: test.current} {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := runtimetest.Verify(dir, log, map[string]uint64{"stdout": test.want}); (err != nil) != test.fails {
				t.Errorf("Verify: %v", err)
			}
		})
	}
}

// TestConmonDestroysWhatWasNotRenamed makes sure that tests would notice.
func TestConmonDestroysWhatWasNotRenamed(t *testing.T) {
	fake := runtimetest.NewFake()
	fake.Style = runtimetest.Conmon
	dir := t.TempDir()
	c, err := fake.Make(logmgr.Container{ID: "id", LogPath: filepath.Join(dir, "a", "b", "0.log")})
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(c.Start(), c.Print("stdout", 9, 50), fake.ReopenLog(t.Context(), "id"), c.Print("stdout", 1, 50))
	if err != nil {
		t.Fatal(err)
	}
	if runtimetest.Verify(dir, c.Path(), c.Written()) == nil || c.Destroyed() == 0 {
		t.Errorf("%d bytes destroyed, and nobody has noticed", c.Destroyed())
	}
	if err := fake.Close(); err != nil {
		t.Fatal(err)
	}
}
