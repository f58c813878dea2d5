package integration

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// Kubelet's rotation is left on and comes in the middle of ours all the time: it renames
// the log and asks for a reopen through the shim. No line is lost and none is doubled.
//
// The order of the files is not looked at: kubelet's names have whole seconds only.
func TestKubeletRotatesToo(t *testing.T) {
	onBoth(t, func(t *testing.T, containerd *testbed.Containerd) {
		t.Parallel()
		shim, client := newShim(t, containerd, keepAll)
		writer := runWriter(t, client, containerd.PodConfig("default", "twice"), "-stream=both", "-rate=15000000", "-duration=20s")
		kubelet, err := shim.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer kubelet.Close()
		rotations := 0
		tick := time.NewTicker(60 * time.Millisecond) // about as often as we do
		defer tick.Stop()
		for second := time.Now(); ; second = second.Add(time.Second) {
			<-tick.C
			status, err := writer.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if status.State != runtimeapi.ContainerState_CONTAINER_RUNNING {
				break
			}
			rotated, err := rotateAsKubelet(t.Context(), kubelet, writer, second)
			if err != nil {
				t.Fatal(err)
			}
			if rotated {
				rotations++
			}
		}
		if err := shim.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		found := completeInAnyOrder(t, writer.LogPath())
		if rotations == 0 || rotations >= found.Files {
			t.Errorf("kubelet rotated %d times and there are %d files: the two never met", rotations, found.Files)
		}
		t.Logf("kubelet rotated %d times; %d files", rotations, found.Files)
	})
}

// rotateAsKubelet renames a log as kubelet does at a second and asks for the reopen; done
// tells whether that was answered well.
func rotateAsKubelet(ctx context.Context, client *testbed.Client, c *testbed.Container, second time.Time) (done bool, err error) {
	err = os.Rename(c.LogPath(), c.LogPath()+"."+second.Format("20060102-150405"))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil // just renamed by us: kubelet would only reopen
	}
	if err != nil {
		return false, err
	}
	_, err = client.ReopenContainerLog(ctx, &runtimeapi.ReopenContainerLogRequest{ContainerId: c.ID})
	return err == nil, nil // the shim may be dead or the container ended
}

// completeInAnyOrder checks that every line of both streams was found exactly once.
func completeInAnyOrder(t *testing.T, log string) testbed.Verification {
	t.Helper()
	found, err := testbed.Verify(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range []string{"stdout", "stderr"} {
		if s := found.Streams[stream]; s == nil || !s.Ended || s.Lost+s.Duplicated > 0 {
			t.Errorf("%s: %s: %v", log, stream, s)
		}
	}
	return found
}

// An attach client that stops reading hangs the container's output, and the reopen with
// it. Another container goes on being rotated, readers are not held up, and once the
// client reads or goes nothing is lost.
func TestReopenHangs(t *testing.T) {
	onBoth(t, func(t *testing.T, containerd *testbed.Containerd) {
		shim, client := newShim(t, containerd, keepAll)
		shim.Config.Rotation.MaxSize = 1 << 40
		if err := shim.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		hung := runWriter(t, client, containerd.PodConfig("default", "hung"), "-stream=both", "-rate=10000000", "-duration=10s")
		attached := attachAndStall(t, client, hung)
		stalled(t, hung.LogPath())
		shim.Config.Rotation.MaxSize = 100 << 10
		if err := shim.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		// The log has been moved aside, and the reopen does not return.
		eventually(t, func(context.Context) error {
			if len(rotatedNames(t, hung.LogPath())) == 0 {
				return errors.New("the log is not yet moved aside")
			}
			return nil
		})
		other := runWriter(t, client, containerd.PodConfig("default", "other"), "-rate=5000000", "-duration=4s")
		for range 10 {
			if _, err := hung.Status(t.Context()); err != nil {
				t.Error(err)
			}
		}
		exited(t, other)
		if n := len(rotatedNames(t, other.LogPath())); n < 10 {
			t.Errorf("another log was rotated %d times while a reopen hung", n)
		}
		if n := len(rotatedNames(t, hung.LogPath())); n != 1 {
			t.Errorf("the hung log has %d rotated files, so its reopen did not hang", n)
		}
		if err := attached.Close(); err != nil {
			t.Error(err)
		}
		exited(t, hung)
		complete(t, shim, hung.LogPath(), "stdout", "stderr")
		complete(t, shim, other.LogPath(), "stdout")
	})
}

// attachAndStall attaches to a container's output over a websocket and never reads it.
func attachAndStall(t *testing.T, client *testbed.Client, c *testbed.Container) net.Conn {
	t.Helper()
	answer, err := client.Attach(t.Context(), &runtimeapi.AttachRequest{ContainerId: c.ID, Stdout: true, Stderr: true})
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(answer.Url)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", at.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, answer.Url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol": "v4.channel.k8s.io",
	} {
		request.Header.Set(name, value)
	}
	if err := request.Write(conn); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("attach: %s", response.Status)
	}
	return conn
}

// stalled waits until a log has content and has not grown for a second.
func stalled(t *testing.T, log string) {
	t.Helper()
	var size int64
	var since time.Time
	eventually(t, func(context.Context) error {
		info, err := os.Stat(log)
		if err != nil {
			return err
		}
		if now := time.Now(); info.Size() != size {
			size, since = info.Size(), now
		}
		if quiet := time.Since(since); size == 0 || quiet < time.Second {
			return fmt.Errorf("%s has %d bytes and still grows", log, size)
		}
		return nil
	})
}
