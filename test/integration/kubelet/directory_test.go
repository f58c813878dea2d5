package kubelet

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	critest "k8s.io/cri-api/pkg/apis/testing"
)

// What cri-logshim leaves of attempt 0: a time in UTC with nanoseconds, and what
// compression adds. The one that ends in .tmp is a compression under way or cut off, and
// the last one has both forms, as after a crash between two steps.
const (
	gzipped    = "0.log.20261121-020729.100000000.gz"
	zstd       = "0.log.20261121-020729.200000000.zst"
	halfway    = "0.log.20261121-020729.300000000"
	halfwayTmp = "0.log.20261121-020729.300000000.gz.tmp"
	both       = "0.log.20261121-020729.400000000"
	bothGz     = "0.log.20261121-020729.400000000.gz"
	plain      = "0.log.20261121-020729.500000000"
	current    = "0.log"
)

// directory is a container's log directory with two attempts, and a folder beside it that
// holds hard links to what is to outlive the pod.
type directory struct {
	path string
	kept string
}

func ofAttempt0() []string {
	return []string{gzipped, zstd, halfway, halfwayTmp, both, bothGz, plain, current}
}

// ofOthers are names that begin alike or belong to other attempts.
func ofOthers() []string {
	return []string{"1.log", "1.log.20261121-020730.100000000", "1.log.20261121-020730.000000000.gz", "10.log", "10.log.20261121-020731.000000000.gz"}
}

// newDirectory makes one in which every file but the current ones is kept too.
func newDirectory(t *testing.T) directory {
	t.Helper()
	root := t.TempDir()
	d := directory{path: filepath.Join(root, "pods", "default_pod_uid", "app"), kept: filepath.Join(root, "kept")}
	for _, folder := range []string{d.path, d.kept} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range append(ofAttempt0(), ofOthers()...) {
		if err := os.WriteFile(d.file(name), contentOf(t, name), 0o640); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".tmp") || strings.HasSuffix(name, ".log") {
			continue
		}
		if err := os.Link(d.file(name), filepath.Join(d.kept, name)); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (d directory) file(name string) string { return filepath.Join(d.path, name) }

func (d directory) names(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(d.path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// checkKept checks that what kubelet did has changed no kept file.
func (d directory) checkKept(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(d.kept)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) == 0 {
		t.Error("no file is kept")
	}
	for _, e := range entries {
		if got := read(t, filepath.Join(d.kept, e.Name())); !bytes.Equal(got, contentOf(t, e.Name())) {
			t.Errorf("kept %q has changed", e.Name())
		}
	}
}

// linesOf is the text of a log: more than a disk block, and another for every name.
func linesOf(name string) []byte {
	return []byte(strings.Repeat("2026-11-21T02:07:29.000000000Z stdout F "+strings.TrimSuffix(name, ".gz")+"\n", 300))
}

// contentOf is what a file holds. What kubelet cannot read is not compressed here either.
func contentOf(t *testing.T, name string) []byte {
	t.Helper()
	if !strings.HasSuffix(name, ".gz") {
		return linesOf(name)
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(linesOf(name)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func sorted(names ...string) []string {
	slices.Sort(names)
	return names
}

// runtimeOf knows the container of attempt 0, whose log is in the directory.
func runtimeOf(d directory, state runtimeapi.ContainerState) *critest.FakeRuntimeService {
	service := critest.NewFakeRuntimeService()
	service.SetFakeContainers([]*critest.FakeContainer{{ContainerStatus: runtimeapi.ContainerStatus{
		Id: "id", Metadata: &runtimeapi.ContainerMetadata{Name: "app"}, State: state, LogPath: d.file(current),
	}}})
	return service
}
