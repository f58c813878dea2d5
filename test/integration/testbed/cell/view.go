package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// view is what the program sees otherwise than the machine does.
type view struct {
	covered   []string          // empty folders
	pretended map[string]string // contents by file
}

// parse splits the command line at the first argument that is no flag.
func parse(args []string) (v view, program []string, err error) {
	v.pretended = map[string]string{}
	flags := flag.NewFlagSet("cell", flag.ContinueOnError)
	flags.Func("cover", "a `folder` that is to be empty", func(folder string) error {
		v.covered = append(v.covered, folder)
		return nil
	})
	flags.Func("pretend", "a `file=content`", func(text string) error {
		file, content, ok := strings.Cut(text, "=")
		if !ok {
			return errors.New("has no =")
		}
		v.pretended[file] = content
		return nil
	})
	err = flags.Parse(args)
	return v, flags.Args(), err
}

// isolate keeps the mounts made in here in here, and covers /run, where the shims of every
// containerd on a machine keep their sockets and runc its state, at paths that no
// configuration changes. (A mount on /run/containerd alone would have to be preceded by a
// mkdir that the machine sees, and followed by an rmdir that would take such mounts away
// from every other cell.)
func isolate(v view) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("keep mounts to ourselves: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount %q: %w", "/proc", err)
	}
	for _, folder := range append([]string{"/run"}, v.covered...) {
		if err := unix.Mount("tmpfs", folder, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
			return fmt.Errorf("mount %q: %w", folder, err)
		}
	}
	for file, content := range v.pretended {
		if err := pretend(file, content); err != nil {
			return err
		}
	}
	return nil
}

// pretend lays a file of ours over one of the machine's.
func pretend(file, content string) error {
	ours := filepath.Join("/run/cell", file)
	if err := os.MkdirAll(filepath.Dir(ours), 0o755); err != nil {
		return fmt.Errorf("pretend %q: %w", file, err)
	}
	if err := os.WriteFile(ours, []byte(content+"\n"), 0o644); err != nil {
		return fmt.Errorf("pretend %q: %w", file, err)
	}
	if err := unix.Mount(ours, file, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("pretend %q: %w", file, err)
	}
	return nil
}
