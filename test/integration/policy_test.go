package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// rotatesAt waits until a log has four more files, all but the first of which were begun
// after the call, and checks that most of those came to about the limit. It is wide, since
// a busy machine notices late, but the limits of these tests lie further apart.
func rotatesAt(t *testing.T, log string, limit int64) {
	t.Helper()
	before, sizes := -1, make([]int64, 3)
	eventually(t, func(context.Context) error {
		files, err := testbed.RotatedFiles(log)
		if err != nil {
			return err
		}
		if before < 0 {
			before = len(files)
		}
		if len(files) < before+4 {
			return fmt.Errorf("%s has %d rotated files, not yet %d", log, len(files), before+4)
		}
		for i, name := range files[before+1 : before+4] {
			if sizes[i], err = testbed.UncompressedSize(name); err != nil {
				return err // it has just been compressed
			}
		}
		return nil
	})
	slices.Sort(sizes)
	if share := float64(sizes[1]) / float64(limit); share < 0.75 || share > 1.3 {
		t.Errorf("%s was rotated at %d bytes, with a limit of %d", log, sizes, limit)
	}
}

// Each pod is held to its own limit: by annotation, by a rule, or the node's. A reload puts
// other limits in force for pods that run, whether it is asked for by SIGHUP or noticed in a
// file that is swapped as a ConfigMap is, and a file with a fault changes nothing.
func TestEachPodHasItsOwnLimits(t *testing.T) {
	const (
		kib  = 1 << 10
		rate = "-rate=1000000"
	)
	onBoth(t, func(t *testing.T, containerd *testbed.Containerd) {
		rule := func(size config.Size) []config.Policy {
			return []config.Policy{{
				Match: config.Match{Namespace: "batch-*", PodLabels: map[string]string{"tier": "noisy"}}, Rotation: config.RotationOverride{MaxSize: &size},
			}}
		}
		shim, client := newShim(t, containerd, func(c *config.Configuration) {
			c.Rotation.MaxSize = 200 * kib
			c.Rotation.MaxFiles = 100_000
			c.Rotation.Compression = config.CompressionNone
			c.Policies = rule(800 * kib)
		})
		logs := map[string]string{}
		for pod, annotations := range map[string]map[string]string{
			"batch-1/rule":       nil,
			"batch-1/annotation": {"app.cri-logshim.io/maxSize": "1600Ki", "cri-logshim.io/maxSize": "100Ki"},
			"other/node":         {"cri-logshim.io/maxSize": "lots"},
		} {
			namespace, name, _ := strings.Cut(pod, "/")
			config := containerd.PodConfig(namespace, name)
			config.Annotations = annotations
			config.Labels["tier"] = "noisy"
			logs[name] = runWriter(t, client, config, rate, "-stream=both").LogPath()
		}
		rotatesAt(t, logs["rule"], 800*kib)
		rotatesAt(t, logs["annotation"], 1600*kib)
		rotatesAt(t, logs["node"], 200*kib)

		shim.Config.Policies = rule(300 * kib)
		shim.Config.Annotations.Ceiling.MaxSize = 500 * kib
		if err := shim.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		rotatesAt(t, logs["rule"], 300*kib)
		rotatesAt(t, logs["annotation"], 500*kib)
		rotatesAt(t, logs["node"], 200*kib)

		m := newConfigMap(t, shim.ConfigFile())
		faulty := shim.Config
		faulty.Rotation.MaxFiles = 1
		faulty.Policies = rule(1000 * kib)
		m.swap(t, faulty)
		metricAtLeast(t, shim, 1, "cri_logshim_config_reloads_total", `result="invalid"`)
		rotatesAt(t, logs["rule"], 300*kib)

		applied, err := shim.Metric(t.Context(), "cri_logshim_config_reloads_total", `result="applied"`)
		if err != nil {
			t.Fatal(err)
		}
		shim.Config.Policies = rule(1000 * kib)
		m.swap(t, shim.Config)
		metricAtLeast(t, shim, applied+1, "cri_logshim_config_reloads_total", `result="applied"`)
		rotatesAt(t, logs["rule"], 1000*kib)

		metricAtLeast(t, shim, 2, "cri_logshim_invalid_annotations_total") // "lots" and the new ceiling
		explains(t, shim, "batch-1/annotation", "maxSize 500Ki annotation app.cri-logshim.io/maxSize",
			`annotation app.cri-logshim.io/maxSize: "1600Ki": is above the most, 500Ki (annotations.ceiling.maxSize), which is taken`)
		explains(t, shim, "batch-1/rule/app", "maxSize 1000Ki policies[0] (line ", "maxFiles 100000 rotation.maxFiles (line ")
		explains(t, shim, "other/node", "maxSize 200Ki rotation.maxSize (line ", `annotation cri-logshim.io/maxSize: "lots": must be a quantity`)
	})
}

// explains asks the program about a pod and looks for lines that begin like these, where any
// number of spaces is one.
func explains(t *testing.T, shim *testbed.Shim, pod string, lines ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), programs.Shim, "explain", pod, "--config", shim.ConfigFile()).CombinedOutput()
	if err != nil {
		t.Fatalf("explain %s: %v\n%s", pod, err, out)
	}
	var plain strings.Builder
	for line := range strings.Lines(string(out)) {
		plain.WriteString("\n" + strings.Join(strings.Fields(line), " "))
	}
	for _, line := range lines {
		if !strings.Contains(plain.String(), "\n"+line) {
			t.Errorf("explain %s does not say %q:\n%s", pod, line, out)
		}
	}
}

// configMap is a file that is reached by links, as kubelet lays out a mounted ConfigMap.
type configMap struct {
	dir, name string
	version   int
}

// newConfigMap puts a file's content behind links.
func newConfigMap(t *testing.T, file string) *configMap {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := &configMap{dir: filepath.Dir(file), name: filepath.Base(file)}
	m.put(t, text)
	if err := errors.Join(os.Symlink(filepath.Join("..data", m.name), file+".new"), os.Rename(file+".new", file)); err != nil {
		t.Fatal(err)
	}
	return m
}

// swap puts another configuration in its place, in one step.
func (m *configMap) swap(t *testing.T, c config.Configuration) {
	t.Helper()
	text, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	m.put(t, text)
}

func (m *configMap) put(t *testing.T, text []byte) {
	t.Helper()
	m.version++
	version := fmt.Sprintf("..version-%d", m.version)
	next := filepath.Join(m.dir, "..data_tmp")
	err := errors.Join(
		os.Mkdir(filepath.Join(m.dir, version), 0o700),
		os.WriteFile(filepath.Join(m.dir, version, m.name), text, 0o600),
		os.Symlink(version, next),
		os.Rename(next, filepath.Join(m.dir, "..data")),
	)
	if err != nil {
		t.Fatal(err)
	}
}
