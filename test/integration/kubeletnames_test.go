package integration

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// checkSameNames waits until both nodes have the same directories, logs and legacy links,
// with the same modes and leading to the same places: kubelet's with what it has removed
// and not yet made. Rotated files are left out. Beside them the shim has some.
func checkSameNames(t *testing.T, direct, through *kubeletNode, pods kubeletPods) {
	t.Helper()
	eventually(t, func(context.Context) error {
		without, err := direct.names(pods)
		if err != nil {
			return err
		}
		with, err := through.names(pods)
		if err != nil {
			return err
		}
		return errors.Join(onlyIn("only without a shim", without, with), onlyIn("only with a shim", with, without))
	})
	log := through.current(t, pods.flooding).LogPath()
	if len(rotatedNames(t, log)) == 0 {
		t.Errorf("%q has no rotated file", log)
	}
}

// onlyIn is an error that names what is in one set and not in the other.
func onlyIn(what string, one, other map[string]bool) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(one)) {
		if !other[name] {
			errs = append(errs, fmt.Errorf("%s: %s", what, name))
		}
	}
	return errors.Join(errs...)
}

// names are all that lies below the folders of logs, each with its mode and, of a link,
// where it leads. Uids and ids are blotted out, and the attempts in a crash loop, which
// the two nodes need not come to at the same time.
func (n *kubeletNode) names(pods kubeletPods) (map[string]bool, error) {
	blot := strings.NewReplacer(n.kubelet.PodLogsDir, "/var/log/pods", n.kubelet.LegacyDir, "/var/log/containers")
	ids := regexp.MustCompile(`[0-9a-f]{64}|[0-9a-f]{32}`)
	attempt := regexp.MustCompile(`(` + pods.crashing.FullName() + `_.*)/\d+\.log`)
	found := map[string]bool{}
	note := func(path string, entry fs.DirEntry, err error) error {
		if err != nil || regexp.MustCompile(`\.log\.\d{8}-`).MatchString(path) {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		line := info.Mode().String() + " " + blot.Replace(path)
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " -> " + target
		}
		line = ids.ReplaceAllString(line, "ID")
		found[attempt.ReplaceAllString(line, "$1/N.log")] = true
		return nil
	}
	return found, errors.Join(filepath.WalkDir(n.kubelet.PodLogsDir, note), filepath.WalkDir(n.kubelet.LegacyDir, note))
}

// current is the newest container of a pod.
func (n *kubeletNode) current(t *testing.T, pod testbed.StaticPod) *testbed.Container {
	t.Helper()
	containers, err := n.kubelet.Containers(t.Context(), pod)
	if err != nil || len(containers) == 0 {
		t.Fatalf("pod %q has no container: %v", pod.Name, err)
	}
	return containers[0]
}

// checkAnnotations waits until the pod's own limits have been reached, and not others.
func checkAnnotations(t *testing.T, n *kubeletNode, pod testbed.StaticPod) {
	t.Helper()
	const maxFiles, maxSize = 3, 160 << 10
	log := n.current(t, pod).LogPath()
	plain := regexp.MustCompile(`\.log\.\d{8}-[\d.]*\d$`)
	seen := map[string]int64{}
	eventually(t, func(context.Context) error {
		names := rotatedNames(t, log)
		if n := rotations(names); n > maxFiles { // one more than there may be rotated ones: while a rotation is on
			t.Fatalf("%q has %d rotated files: %q", log, n, names)
		}
		for _, name := range names {
			info, err := os.Stat(filepath.Join(filepath.Dir(log), name))
			if err != nil || !plain.MatchString(name) {
				continue // it is being compressed
			}
			seen[name] = info.Size()
		}
		if len(seen) < 2*maxFiles {
			return fmt.Errorf("%q has been rotated %d times", log, len(seen))
		}
		return nil
	})
	sizes := slices.Sorted(maps.Values(seen))
	// A busy machine notices late, and aims lower for it. The node's own limit is 0.4 of this one.
	if share := float64(sizes[maxFiles]) / maxSize; share < 0.5 || share > 1.3 {
		t.Errorf("%q was rotated at %d bytes", log, sizes)
	}
}

// rotations is of how many rotations these are files: some are there in two forms.
func rotations(names []string) int {
	found := map[string]bool{}
	for _, name := range names {
		found[strings.TrimSuffix(strings.TrimSuffix(name, ".tmp"), ".gz")] = true
	}
	return len(found)
}

// checkUsage waits until kubelet counts every block of a log to which nothing is written
// any more, of which most is in rotated and compressed files.
func checkUsage(t *testing.T, n *kubeletNode, pod testbed.StaticPod) {
	t.Helper()
	c := n.current(t, pod)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the rotated files are %q", rotatedNames(t, c.LogPath()))
		}
	})
	checkAccounting(t, n.kubelet, pod, c)
}
