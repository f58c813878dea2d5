package integration

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// What befalls one pod is nobody else's trouble: not the pod's that runs beside it, not
// kubelet's, and the shim has nothing to say of it and keeps nothing of it.
func TestPodsInTrouble(t *testing.T) {
	t.Parallel()
	install, err := testbed.Installed(testbed.Newest)
	if err != nil {
		t.Fatal(err)
	}
	gate := gated(t, &install)
	containerd, err := testbed.New(t.Context(), install, programs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := containerd.Close(); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	n := newFaultyNode(t, containerd, "")
	pods := longestNames(t, n)
	pods = append(pods, neverStart(t, n)...)
	pods = append(pods, killedInTheMiddleOfAStart(t, n, gate))
	n.isSteady(t)
	if said, err := n.shim.Warnings(); err != nil || len(said) > 0 {
		t.Errorf("the shim complains: %q %v", said, err)
	}
	n.leavesNothing(t, pods...)
}

// longestNames: pods whose names are as long as names may be are served as short ones are, and what is
// too long for a directory's name harms nobody but itself.
func longestNames(t *testing.T, n *faultyNode) []testbed.StaticPod {
	t.Helper()
	const uid = 32 // of a static pod
	longest := 255 - uid - len("__") - len(testbed.Namespace) - len("-"+testbed.NodeName)
	fits := testbed.StaticPod{Name: strings.Repeat("p", longest), Restart: "Always", Containers: []testbed.StaticContainer{
		{Name: strings.Repeat("c", 62) + "1", Command: []string{"seqwriter", "-rate=500000", "-duration=2s", "-stay"}},
		{Name: strings.Repeat("c", 62) + "2", Command: []string{"seqwriter", "-rate=500000", "-duration=2s", "-exit-code=1"}},
	}}
	tooLong := testbed.StaticPod{Name: strings.Repeat("q", 253-len("-"+testbed.NodeName)), Restart: "Always", Command: []string{"seqwriter", "-rate=1000"}}
	if err := errors.Join(n.kubelet.Run(fits), n.kubelet.Run(tooLong)); err != nil {
		t.Fatal(err)
	}
	var logs []*testbed.Container
	for _, c := range fits.Containers {
		container, err := n.kubelet.RunningContainer(t.Context(), fits, c.Name)
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, container)
	}
	eventually(t, func(ctx context.Context) error { // the second attempt of one of them
		c, err := n.kubelet.RunningContainer(ctx, fits, fits.Containers[1].Name)
		if err == nil && c.Config.Metadata.Attempt == 0 {
			err = errors.New("the container has not yet been restarted")
		}
		return err
	})
	for _, c := range logs {
		isComplete(t, c.LogPath())
		if len(rotatedNames(t, c.LogPath())) < 3 {
			t.Errorf("%q was rotated %d times", c.LogPath(), len(rotatedNames(t, c.LogPath())))
		}
	}
	// Kubelet itself cuts the two names to one.
	links, err := namesWith(n.kubelet.LegacyDir, fits.FullName())
	if err != nil || len(links) != 1 || len(links[0]) != 255 {
		t.Errorf("the legacy links are %q: %v", links, err)
	}
	refused, err := n.kubelet.Logged("file name too long")
	if err != nil || len(refused) == 0 {
		t.Errorf("the pod whose name is too long was not refused: %v", err)
	}
	return []testbed.StaticPod{fits, tooLong}
}

// neverStart: containers that never start, since their command or their image is not there, are
// forgotten with their pods.
func neverStart(t *testing.T, n *faultyNode) []testbed.StaticPod {
	t.Helper()
	noCommand := testbed.StaticPod{Name: "no-command", Restart: "Always", Command: []string{"/none"}}
	noImage := testbed.StaticPod{Name: "no-image", Restart: "Always", Containers: []testbed.StaticContainer{{Name: "app", Image: "localhost/none:1"}}}
	if err := errors.Join(n.kubelet.Run(noCommand), n.kubelet.Run(noImage)); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		containers, err := n.kubelet.Containers(ctx, noCommand)
		if err == nil && (len(containers) == 0 || containers[0].Config.Metadata.Attempt < 1) {
			err = errors.New("kubelet has not yet tried again")
		}
		return err
	})
	refused, err := n.kubelet.Logged("ErrImageNeverPull")
	if err != nil || len(refused) == 0 {
		t.Errorf("the missing image was not missed: %v", err)
	}
	return []testbed.StaticPod{noCommand, noImage}
}
