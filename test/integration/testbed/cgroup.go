package testbed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const cgroupRoot = "/sys/fs/cgroup"

// removeCgroups removes a cgroup of no live process, and those below it, from every
// hierarchy: from the only one (cgroup v2), or from each controller's (v1).
func removeCgroups(path string) error {
	places := []string{filepath.Join(cgroupRoot, path)}
	entries, err := os.ReadDir(cgroupRoot)
	if err != nil {
		return fmt.Errorf("list the cgroup hierarchies: %w", err)
	}
	for _, entry := range entries {
		places = append(places, filepath.Join(cgroupRoot, entry.Name(), path))
	}
	var errs []error
	for _, place := range places {
		if _, err := os.Stat(place); err == nil {
			errs = append(errs, removeCgroupTree(place))
		}
	}
	return errors.Join(errs...)
}

// removeCgroupTree removes the deepest first. The kernel lets a cgroup be busy for a
// moment after its last process was waited for.
func removeCgroupTree(root string) error {
	var found []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("list the cgroups in %q: %w", root, err)
	}
	slices.Reverse(found)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, path := range found {
		err := Until(ctx, func(context.Context) error { return os.Remove(path) })
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a cgroup: %w", err)
		}
	}
	return nil
}
