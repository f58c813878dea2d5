package testbed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// folderPrefix begins the names of all folders that NewFolder makes.
const folderPrefix = "cri-logshim-"

// NewFolder makes a folder that SweepAbandoned removes once this process has ended without
// having done so. An empty parent is the default for temporary files.
func NewFolder(parent string) (string, error) {
	dir, err := os.MkdirTemp(parent, folderPrefix)
	if err != nil {
		return "", err
	}
	maker, err := lifeOf(strconv.Itoa(os.Getpid()))
	if err == nil {
		err = os.WriteFile(makerFile(dir), []byte(maker), 0o600)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("say in %q who made it: %w", dir, err), os.RemoveAll(dir))
	}
	return dir, nil
}

// SweepAbandoned removes the folders that NewFolder has made in processes that were killed,
// and their cgroups. Processes in them have ended with their maker.
func SweepAbandoned() error {
	var errs []error
	for _, parent := range []string{baseDir, os.TempDir()} {
		entries, err := os.ReadDir(parent)
		errs = append(errs, err)
		for _, entry := range entries {
			dir := filepath.Join(parent, entry.Name())
			if !entry.IsDir() || !strings.HasPrefix(entry.Name(), folderPrefix) {
				continue
			}
			gone, err := abandoned(dir)
			if err == nil && gone {
				err = Sweep(dir)
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// abandoned tells whether who made a folder has ended. One that does not say whose it is
// may just be in the making.
func abandoned(dir string) (bool, error) {
	maker, err := os.ReadFile(makerFile(dir))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(maker) == 0 {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	pid, born, _ := strings.Cut(string(maker), " ")
	if ours, err := os.Readlink(ownProcesses); err != nil || !strings.HasPrefix(born, ours) {
		return false, err // nobody here can see whether it lives
	}
	life, err := lifeOf(pid)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return true, nil
	}
	return err == nil && life != string(maker), err
}

// ownProcesses names the namespace of the processes that this one can see.
const ownProcesses = "/proc/self/ns/pid"

// lifeOf is a process id with its namespace and the time at which its process was started:
// the number alone may be another process's.
func lifeOf(pid string) (string, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return "", err
	}
	namespace, err := os.Readlink(ownProcesses)
	if err != nil {
		return "", err
	}
	const start = 19 // field 22 of all, which are counted from 1; the name of the program is the second
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after)
	if len(fields) <= start {
		return "", fmt.Errorf("process %s: cannot read %q", pid, stat)
	}
	return pid + " " + namespace + " " + fields[start], nil
}

func makerFile(dir string) string { return filepath.Join(dir, "maker") }
