package integration

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// checkPluginFollow follows a log from before its first rotation to the removal of its pod, across a
// restart of its container. It finds lines that are missing, double or out of order, and a command that
// does not end.
func (n *pluginNode) checkPluginFollow(t *testing.T) {
	t.Helper()
	const name = "followed"
	err := n.Create(t.Context(), testbed.StaticPod{
		Name: name, Restart: "Always", Scratch: "/scratch",
		Command: []string{"sh", "-c", "echo ready; until [ -e /scratch/go ]; do usleep 20000; done; " +
			"seqwriter -rate=300000 -duration=5s; mkdir /scratch/crashed 2>/dev/null && exit 3; exec sleep 1000000"},
	})
	if err != nil {
		t.Fatal(err)
	}
	status := n.waitReady(t, name, 0)

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := n.Logshim(ctx, programs, n.Kubeconfig, "logs", "-f", name)
	var all, told bytes.Buffer
	cmd.Stderr = &told
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(io.TeeReader(output, &all))
	lines := map[int]uint64{}
	for attempt := range 2 {
		lines[attempt], err = followAttempt(in, func() error {
			if attempt > 0 {
				return nil // the file is still there
			}
			volume := filepath.Join(n.kubelet.Root(), "pods", status.Metadata.UID, "volumes", "kubernetes.io~empty-dir", "scratch")
			return os.WriteFile(filepath.Join(volume, "go"), nil, 0o600)
		})
		if err != nil {
			t.Errorf("attempt %d, after %d lines: %v", attempt, lines[attempt], err)
			break
		}
		if files := len(rotatedNames(t, n.logFile(t, name, testbed.AppContainer, attempt))); files < 3 {
			t.Errorf("attempt %d has %d rotated files", attempt, files)
		}
	}
	n.remove(t, name)
	_, errRest := io.Copy(io.Discard, in)
	if err := errors.Join(errRest, cmd.Wait()); err != nil || told.Len() > 0 {
		t.Errorf("after the removal of the pod: %v, it tells %q", err, &told)
	}
	if want := n.onTheNode(t, name); all.String() != want.out {
		t.Errorf("what was followed is other than what is kept: %s", difference(all.String(), want.out))
	}
	t.Logf("followed %d and %d lines", lines[0], lines[1])
}

// followAttempt reads what one attempt says: "ready", and when begin has told it to, numbered lines.
func followAttempt(in *bufio.Reader, begin func() error) (lines uint64, err error) {
	var count numbered
	first, err := in.ReadString('\n')
	if err == nil && first != "ready\n" {
		err = count.add(first)
	}
	if err == nil {
		err = begin()
	}
	for err == nil && !count.ended {
		var line string
		if line, err = in.ReadString('\n'); err == nil {
			err = count.add(line)
		}
	}
	return count.last, err
}
