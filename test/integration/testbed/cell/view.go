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
	bound     map[string]string // folders by the places where they are seen too
	pretended map[string]string // contents by file
}

// parse splits the command line at the first argument that is no flag.
func parse(args []string) (v view, program []string, err error) {
	v.bound, v.pretended = map[string]string{}, map[string]string{}
	flags := flag.NewFlagSet("cell", flag.ContinueOnError)
	flags.Func("cover", "a `folder` that is to be empty", func(folder string) error {
		v.covered = append(v.covered, folder)
		return nil
	})
	flags.Func("bind", "a `place=folder`, which is made if it is not there", into(v.bound))
	flags.Func("pretend", "a `file=content`", into(v.pretended))
	err = flags.Parse(args)
	return v, flags.Args(), err
}

// into adds what is before the first = as a key, and the rest as its value.
func into(values map[string]string) func(string) error {
	return func(text string) error {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return errors.New("has no =")
		}
		values[key] = value
		return nil
	}
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
	for place, folder := range v.bound {
		if err := os.MkdirAll(place, 0o755); err != nil {
			return fmt.Errorf("show %q at %q: %w", folder, place, err)
		}
		if err := unix.Mount(folder, place, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("show %q at %q: %w", folder, place, err)
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
