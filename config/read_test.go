package config_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/config"
)

// What is no file, in the place of the configuration, is a fault that is told at once, where
// a plain read would wait for ever or find nothing.
func TestReadNoFile(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		put  func(path string) error
		says string
	}{
		"a pipe": {func(path string) error { return unix.Mkfifo(path, 0o600) }, "is a pipe into which nobody writes"},
		"a link to a pipe": {func(path string) error {
			return errors.Join(unix.Mkfifo(path+".pipe", 0o600), os.Symlink(path+".pipe", path))
		}, "is a pipe into which nobody writes"},
		"a link to nowhere":  {func(path string) error { return os.Symlink("..data/config.yaml", path) }, `is a link to "..data/config.yaml", where there is no file`},
		"a link in a circle": {func(path string) error { return os.Symlink(path, path) }, "too many levels of symbolic links"},
		"an endless device":  {func(path string) error { return os.Symlink("/dev/zero", path) }, "is no file (D"},
		"a folder":           {func(path string) error { return os.Mkdir(path, 0o700) }, "is a directory"},
		"a socket": {func(path string) error {
			_, err := new(net.ListenConfig).Listen(t.Context(), "unix", path) // open until the test ends
			return err
		}, "no such device or address"},
	} {
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := test.put(path); err != nil {
			t.Fatal(err)
		}
		read := make(chan error, 1)
		go func() {
			_, err := config.Read(path)
			read <- err
		}()
		select {
		case err := <-read:
			if err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), path) || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v, want %q", name, err, test.says)
			}
		case <-time.After(patience):
			t.Fatalf("%s holds the reader up", name)
		}
	}
}

// A pipe that somebody writes is read whole; one whose writer does not end is not waited for.
func TestReadPipe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	reader, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // who reads nothing, and without whom writing may fail
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if _, err := config.Read(path); err == nil || !strings.Contains(err.Error(), "has not ended") {
		t.Errorf("a pipe whose writer does not end: %v", err)
	}
	text := strings.Repeat("# a comment\n", 10_000) // more than a pipe holds
	ended := make(chan error, 1)
	opened := make(chan struct{})
	go func() {
		only, err := os.OpenFile(path, os.O_WRONLY, 0)
		close(opened)
		if err == nil {
			_, err = only.WriteString(text)
			err = errors.Join(err, only.Close())
		}
		ended <- err
	}()
	<-opened
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := config.Read(path)
	if err := errors.Join(err, <-ended); err != nil || string(got) != text {
		t.Errorf("read %d of %d bytes: %v", len(got), len(text), err)
	}
}

// What is absent is known as such.
func TestReadAbsent(t *testing.T) {
	t.Parallel()
	if _, err := config.Read(filepath.Join(t.TempDir(), "no", "config.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent file is %v", err)
	}
}
