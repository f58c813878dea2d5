package kubelet

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Kubelet's rotation, when it is left on, comes over a directory of ours. It removes a
// compression that it takes for cut off, though it may be under way, and a source beside
// its compressed form; it compresses the rest, a .zst too. The text of every file is still
// there, and what is kept elsewhere has not changed.
func TestRotationOverOurFiles(t *testing.T) {
	d := newDirectory(t)
	newManager(t, runtimeOf(d, runtimeapi.ContainerState_CONTAINER_RUNNING), "1Ki", 100).Start(t.Context())
	waitUntilRotated(t, d)

	names := slices.DeleteFunc(d.names(t), func(name string) bool { return slices.Contains(ofOthers(), name) })
	theirs := regexp.MustCompile(`^0\.log\.\d{8}-\d{6}$`)
	rotated := slices.IndexFunc(names, theirs.MatchString)
	if rotated < 0 {
		t.Fatalf("kubelet has rotated nothing: %q", names)
	}
	if got := read(t, d.file(names[rotated])); !bytes.Equal(got, linesOf(current)) {
		t.Error("the log has changed on its way")
	}
	names = slices.Delete(names, rotated, rotated+1)
	want := sorted(gzipped, zstd+".gz", halfway+".gz", bothGz, plain+".gz")
	if !slices.Equal(names, want) {
		t.Errorf("left are %q instead of %q", names, want)
	}
	for _, name := range want {
		if got := unzipped(t, d.file(name)); !bytes.Equal(got, linesOf(name)) {
			t.Errorf("the text of %q has changed", name)
		}
	}
	d.checkKept(t)
}

// Kubelet's own count of files takes ours into account, and the oldest go first.
func TestRotationRemovesOurOldest(t *testing.T) {
	d := newDirectory(t)
	newManager(t, runtimeOf(d, runtimeapi.ContainerState_CONTAINER_RUNNING), "1Ki", 4).Start(t.Context())
	waitUntilRotated(t, d)
	var ours []string
	for _, name := range d.names(t) {
		if strings.HasSuffix(name, ".gz") && !slices.Contains(ofOthers(), name) {
			ours = append(ours, name)
		}
	}
	if want := sorted(bothGz, plain+".gz"); !slices.Equal(ours, want) {
		t.Errorf("left are %q instead of %q", ours, want)
	}
}

// waitUntilRotated waits for the rename that ends a rotation.
func waitUntilRotated(t *testing.T, d directory) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(d.file(current)); os.IsNotExist(err) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("kubelet has not rotated: %q", d.names(t))
		}
	}
}

func unzipped(t *testing.T, name string) []byte {
	t.Helper()
	content, err := gzip.NewReader(bytes.NewReader(read(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
