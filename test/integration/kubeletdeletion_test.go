package integration

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// checkDeletion deletes pods on both nodes and waits until nothing is left of them, but
// what an annotation asked to be kept.
func checkDeletion(t *testing.T, direct, through *kubeletNode, pods kubeletPods) {
	t.Helper()
	kept := filepath.Base(through.current(t, pods.annotated).Pod.Config.LogDirectory)
	uids := map[*kubeletNode][]string{}
	for _, n := range []*kubeletNode{direct, through} {
		for _, pod := range pods.deleted() {
			uids[n] = append(uids[n], n.current(t, pod).Pod.Config.Metadata.Uid)
			if err := n.kubelet.Delete(pod); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Kubelet looks for directories of logs that belong to nothing every minute.
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for n, gone := range uids {
		err := testbed.Until(ctx, func(ctx context.Context) error { return n.left(ctx, pods, gone) })
		if err != nil {
			t.Fatal(err)
		}
	}
	checkKept(t, through, kept)
}

// left is an error that names what there still is of pods that were deleted.
func (n *kubeletNode) left(ctx context.Context, pods kubeletPods, uids []string) error {
	var errs []error
	for _, pod := range pods.deleted() {
		containers, err := n.kubelet.Containers(ctx, pod)
		if err != nil || len(containers) > 0 {
			errs = append(errs, fmt.Errorf("the runtime has %d containers of pod %q: %w", len(containers), pod.Name, err))
		}
	}
	for _, dir := range []string{n.kubelet.PodLogsDir, n.kubelet.LegacyDir, filepath.Join(n.kubelet.Root(), "pods")} {
		entries, err := os.ReadDir(dir)
		errs = append(errs, err)
		for _, e := range entries {
			of := func(pod testbed.StaticPod) bool { return strings.Contains(e.Name(), pod.FullName()+"_") }
			if slices.ContainsFunc(uids, func(uid string) bool { return strings.Contains(e.Name(), uid) }) || slices.ContainsFunc(pods.deleted(), of) {
				errs = append(errs, fmt.Errorf("%q is still there", filepath.Join(dir, e.Name())))
			}
		}
	}
	return errors.Join(errs...)
}

// checkKept looks at what is kept of removed pods: one container's log in its last files,
// up to the last line, and the term that it is kept for.
func checkKept(t *testing.T, n *kubeletNode, dir string) {
	t.Helper()
	keepDir := n.containerd.Outside(n.shim.Config.KeepDir)
	log := filepath.Join(keepDir, dir, testbed.AppContainer, "0.log")
	entries, err := os.ReadDir(keepDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != dir {
			t.Errorf("%q is kept of nothing that asked for it", e.Name())
		}
	}
	eventually(t, func(context.Context) error { // again if a file was being compressed
		found, err := testbed.Verify(log)
		if err == nil {
			err = found.CompleteSince("stdout")
		}
		if err == nil && found.Files > 3 {
			err = fmt.Errorf("%d files are kept", found.Files)
		}
		return err
	})
	err = filepath.WalkDir(keepDir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && path != keepDir && filepath.Base(path) != ".term" && !strings.HasPrefix(log, path) && !strings.HasPrefix(path, log) {
			t.Errorf("%q is kept, too", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
