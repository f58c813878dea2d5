package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o640); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Error(err)
	}
	return string(content)
}

// The state that a kill leaves between any two steps of a rotation or compression is
// prepared by hand; a shim that starts on it heals it and loses nothing.
func TestHealsWhatAKillLeaves(t *testing.T) {
	steps := map[string]struct {
		prepare func(t *testing.T, writer *testbed.Container)
		healed  func(log string) error
	}{
		"renamed and not reopened": {
			prepare: func(t *testing.T, writer *testbed.Container) {
				rename(t, writer.LogPath(), writer.LogPath()+".20200101-000000.000000000")
			},
			healed: exists,
		},
		"reopened and not yet pruned or compressed": {
			prepare: func(t *testing.T, writer *testbed.Container) {
				rotateByHand(t, writer, 3)
			},
			healed: func(log string) error {
				return errors.Join(exists(log+".20200101-000000.000000000.gz"), exists(log+".20200101-000000.000000001.gz"))
			},
		},
		"compression unfinished": {
			prepare: func(t *testing.T, writer *testbed.Container) {
				rotateByHand(t, writer, 2)
				writeFile(t, writer.LogPath()+".20200101-000000.000000000.gz.tmp", "\x1f\x8b cut short")
			},
			healed: func(log string) error {
				return errors.Join(exists(log+".20200101-000000.000000000.gz"), absent(log+".20200101-000000.000000000.gz.tmp"))
			},
		},
		"compressed file cut and source not removed": {
			prepare: func(t *testing.T, writer *testbed.Container) {
				rotateByHand(t, writer, 2)
				writeFile(t, writer.LogPath()+".20200101-000000.000000000.gz", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff")
			},
			healed: func(log string) error {
				return errors.Join(exists(log+".20200101-000000.000000000.gz"), absent(log+".20200101-000000.000000000"))
			},
		},
	}
	onBoth(t, func(t *testing.T, containerd *testbed.Containerd) {
		t.Parallel()
		for name, step := range steps {
			t.Run(name, func(t *testing.T) {
				direct, err := containerd.Dial()
				if err != nil {
					t.Fatal(err)
				}
				defer direct.Close()
				writer := runWriter(t, direct, containerd.PodConfig("default", "healed"), "-stream=both", "-rate=500000", "-duration=8s")
				eventually(t, func(context.Context) error { return exists(writer.LogPath()) })
				step.prepare(t, writer)
				shim, _ := newShim(t, containerd, keepAll)
				eventually(t, func(context.Context) error { return step.healed(writer.LogPath()) })
				exited(t, writer)
				complete(t, shim, writer.LogPath(), "stdout", "stderr")
			})
		}
	})
}

// An exited container's log is left alone, however large, except that one that a kill has
// left without a current file gets its newest file back.
func TestExitedContainer(t *testing.T) {
	onBoth(t, func(t *testing.T, containerd *testbed.Containerd) {
		direct, err := containerd.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer direct.Close()
		large := runWriter(t, direct, containerd.PodConfig("default", "large"), "-count=20000")
		cut := runWriter(t, direct, containerd.PodConfig("default", "cut"), "-count=20000")
		exited(t, large)
		exited(t, cut)
		rename(t, cut.LogPath(), cut.LogPath()+".20200101-000000.000000000")
		shim, _ := newShim(t, containerd, func(c *config.Configuration) { keepAll(c); c.Rotation.MaxSize = 4 << 10 })
		eventually(t, func(context.Context) error { return exists(cut.LogPath()) })
		metricAtLeast(t, shim, 2, "cri_logshim_logs_managed")
		for _, writer := range []*testbed.Container{large, cut} {
			if found := complete(t, shim, writer.LogPath(), "stdout"); found.Files != 1 {
				t.Errorf("%s has %d files, not 1", writer.LogPath(), found.Files)
			}
		}
	})
}

func exists(name string) error {
	_, err := os.Lstat(name)
	return err
}

func absent(name string) error {
	if err := exists(name); !errors.Is(err, os.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s is there", name), err)
	}
	return nil
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func reopen(t *testing.T, c *testbed.Container) {
	t.Helper()
	if err := c.ReopenLog(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// rotateByHand gives a log some rotated files, of the first of January 2020.
func rotateByHand(t *testing.T, c *testbed.Container, files int) {
	t.Helper()
	for i := range files {
		rename(t, c.LogPath(), fmt.Sprintf("%s.20200101-000000.%09d", c.LogPath(), i))
		reopen(t, c)
	}
}
