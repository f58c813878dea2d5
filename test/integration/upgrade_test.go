package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

const (
	installedShim = "/usr/local/bin/cri-logshim"
	// pullTime is how long an image pull lasts.
	pullTime = 20 * time.Second
	// slower is by how much a call may take longer while the service is restarted.
	slower = time.Second
)

// Kubelet's calls know nothing of a service that is restarted or replaced: none fails, and
// none takes a second longer than it might without that. Over a hand-over, a pull and the
// stream of events know nothing of it either.
func TestRestartAndUpgradeUnderTraffic(t *testing.T) {
	m := newMachine(t, testbed.MachineOptions{Enabled: atBoot()})
	dropIn(t, m, "[Unit]\nStartLimitIntervalSec=0\n") // five restarts in half a minute would be the most
	configure(t, m, "rotation: {maxSize: 1Mi, maxFiles: 1000}\nnode: {minFree: '', minFreeInodes: ''}\n")
	client := dialMachine(t, m)
	writer := runWriter(t, client, m.PodConfig("default", "writer"), "-stream=both", "-rate=500000")
	builds := builds(t, m)

	var undisturbed testbed.Passage
	t.Run("undisturbed", func(t *testing.T) {
		undisturbed = traffic(t, m, writer, func() { <-time.After(3 * time.Second) })
	})
	t.Run("20 restarts", func(t *testing.T) {
		cut := pullAgainAndAgain(t, m, client)
		passage := traffic(t, m, writer, func() {
			for i := range 20 {
				if i == 10 {
					install(t, m, builds[1])
				}
				if _, err := m.Run(t.Context(), "systemctl", "restart", testbed.ShimUnit); err != nil {
					t.Error(err)
				}
				<-time.After(100 * time.Millisecond) // with the new one alone
			}
		})
		t.Logf("a pull of %v was cut %d times", pullTime, cut())
		compare(t, undisturbed, passage)
	})
	t.Run("20 upgrades", func(t *testing.T) {
		pulled, events := pull(t, m, client), watchEvents(t, m)
		files := len(rotatedNames(t, writer.LogPath()))
		passage := traffic(t, m, writer, func() {
			for i := range 20 {
				install(t, m, builds[i%2])
				upgrade(t, m)
				<-time.After(500 * time.Millisecond)
			}
		})
		compare(t, undisturbed, passage)
		if err := pulled(); err != nil {
			t.Errorf("the pull: %v", err)
		}
		pod, err := client.RunPod(t.Context(), m.PodConfig("default", "later"))
		if err != nil {
			t.Fatal(err)
		}
		if err := events(pod.ID); err != nil {
			t.Errorf("the stream of events: %v", err)
		}
		eventually(t, func(context.Context) error { return moreThan(files+5, rotatedNames(t, writer.LogPath())) })
		if serving := processes(t, m, "cri-logshim"); len(serving) != 2 {
			t.Errorf("%v serve, want the last one and the one with the stream", serving)
		}
	})
	if err := writer.Stop(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	found, err := testbed.Verify(writer.LogPath())
	if err != nil {
		t.Fatal(err)
	}
	if err := found.Complete("stdout", "stderr"); err != nil {
		t.Error(err)
	}
}

// traffic makes calls as long as something is done.
func traffic(t *testing.T, m *testbed.Machine, about *testbed.Container, do func()) testbed.Passage {
	t.Helper()
	begun := time.Now()
	calls, err := testbed.StartTraffic(t.Context(), m.Endpoint("/run/cri-logshim/cri-logshim.sock"), about)
	if err != nil {
		t.Fatal(err)
	}
	do()
	passage, err := calls.Stop()
	if err != nil {
		t.Fatal(err)
	}
	t.Log(passage)
	// 200 a second are meant, of which a busy machine makes a few; without any nothing is tested.
	if want := int(10 * time.Since(begun).Seconds()); passage.Calls < want {
		t.Errorf("%d calls in %v, want %d", passage.Calls, time.Since(begun), want)
	}
	for _, failure := range passage.Failed[:min(10, len(passage.Failed))] {
		t.Error(failure)
	}
	return passage
}

func compare(t *testing.T, undisturbed, passage testbed.Passage) {
	t.Helper()
	if passage.Longest > undisturbed.Longest+slower {
		t.Errorf("a call takes %v, without a restart %v at most", passage.Longest, undisturbed.Longest)
	}
}

// builds are the program that is installed and another one.
func builds(t *testing.T, m *testbed.Machine) [2][]byte {
	t.Helper()
	var found [2][]byte
	for i, path := range []string{m.Root(installedShim), programs.Shim} {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found[i] = content
	}
	return found
}

func install(t *testing.T, m *testbed.Machine, program []byte) {
	t.Helper()
	if err := m.WriteFile(installedShim, program, 0o755); err != nil {
		t.Fatal(err)
	}
}

// upgrade reloads the service and waits until another process is its main one and manages
// logs.
func upgrade(t *testing.T, m *testbed.Machine) {
	t.Helper()
	old := mainPID(t, m)
	if _, err := m.Run(t.Context(), "systemctl", "reload", testbed.ShimUnit); err != nil {
		t.Fatal(err)
	}
	handedOver(t, m, old)
}

// handedOver waits until another process than the old one is the service's main one and
// manages logs.
func handedOver(t *testing.T, m *testbed.Machine, old int) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if pid, err := m.MainPID(ctx, testbed.ShimUnit); err != nil || pid == old {
			return fmt.Errorf("the main process is still %d: %w", pid, err)
		}
		managed, err := m.Metric(ctx, "cri_logshim_logs_managed")
		if err == nil && managed == 0 {
			err = errors.New("no log is managed yet")
		}
		return err
	})
}

// processes are those of a machine that run a program, with the memory that is theirs alone.
func processes(t *testing.T, m *testbed.Machine, program string) (found []string) {
	t.Helper()
	entries, err := os.ReadDir(m.Root("/proc"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		status, err := os.ReadFile(filepath.Join(m.Root("/proc"), e.Name(), "status"))
		if err != nil || !strings.HasPrefix(string(status), "Name:\t"+program+"\n") {
			continue // no process, or one that has ended
		}
		_, after, _ := strings.Cut(string(status), "RssAnon:")
		memory, _, _ := strings.Cut(after, "\n")
		found = append(found, e.Name()+" ("+strings.TrimSpace(memory)+")")
	}
	t.Log(found)
	return found
}

// pull begins to pull an image. What it returns waits for that.
func pull(t *testing.T, m *testbed.Machine, client *testbed.Client) func() error {
	t.Helper()
	registry := newRegistry(t, m)
	done, begun := make(chan error, 1), time.Now()
	go func() {
		_, err := client.PullImage(t.Context(), &runtimeapi.PullImageRequest{Image: &runtimeapi.ImageSpec{Image: registry.Image}})
		done <- err
	}()
	return func() error {
		err := <-done
		if took := time.Since(begun); err == nil && took < pullTime {
			err = fmt.Errorf("it took %v only", took)
		}
		return err
	}
}

// pullAgainAndAgain keeps a pull under way that is longer than any service lives. What it
// returns ends that, and tells how often a pull was cut.
func pullAgainAndAgain(t *testing.T, m *testbed.Machine, client *testbed.Client) func() int {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int)
	image := newRegistry(t, m).Image
	go func() {
		for cut := 0; ; cut++ {
			_, err := client.PullImage(ctx, &runtimeapi.PullImageRequest{Image: &runtimeapi.ImageSpec{Image: image}})
			if err == nil || ctx.Err() != nil {
				ended <- cut
				return
			}
		}
	}()
	return func() int {
		stop()
		return <-ended
	}
}

// newRegistry has an image that takes longer than pullTime.
func newRegistry(t *testing.T, m *testbed.Machine) *testbed.Registry {
	t.Helper()
	registry, err := m.NewRegistry(t.Context(), pullTime+time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := registry.Close(); err != nil {
			t.Error(err)
		}
	})
	return registry
}

// watchEvents opens a stream of events. What it returns waits for an event of a pod.
func watchEvents(t *testing.T, m *testbed.Machine) func(sandbox string) error {
	t.Helper()
	stream, err := dialMachine(t, m).GetContainerEvents(t.Context(), &runtimeapi.GetEventsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	seen, ended := make(chan string, 1000), make(chan error, 1)
	go func() {
		for {
			event, err := stream.Recv()
			if err != nil {
				ended <- err
				return
			}
			seen <- event.GetContainerId()
		}
	}()
	return func(sandbox string) error {
		for {
			select {
			case id := <-seen:
				if id == sandbox {
					return nil
				}
			case err := <-ended:
				return fmt.Errorf("it has ended: %w", err)
			case <-time.After(time.Minute):
				return errors.New("no event of the pod has come")
			}
		}
	}
}
