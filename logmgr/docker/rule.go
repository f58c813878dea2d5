package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// defaultRoot is Docker's data directory unless dockerd is told another.
const defaultRoot = "/var/lib/docker"

// containerDir is where the engine keeps what it knows of a container.
func containerDir(root, id string) string { return filepath.Join(root, "containers", id) }

// logFile is the path rule: where the driver json-file writes.
func logFile(root, id string) string { return filepath.Join(containerDir(root, id), id+"-json.log") }

// rootOf is the data directory from which a log's path has come by the rule.
func rootOf(path, id string) (root string, ok bool) {
	root, ok = strings.CutSuffix(path, logFile("/", id))
	if !ok || root == "" {
		return "", false
	}
	return root, true
}

// byRule finds a container's output in a data directory, without the engine's help. It is
// an error if nothing of the container is there.
func byRule(root, id string) (logmgr.Redirection, error) {
	if id == "" || id != filepath.Base(id) || id == "." || id == ".." {
		return logmgr.Redirection{}, fmt.Errorf("container %q: its id is no name of a file", id)
	}
	path := logFile(root, id)
	info, err := os.Lstat(path)
	there := err == nil && info.Mode().IsRegular()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return logmgr.Redirection{}, err
	}
	host, err := readHostConfig(filepath.Join(containerDir(root, id), "hostconfig.json"))
	switch {
	case err != nil && !there:
		return logmgr.Redirection{}, fmt.Errorf("there is no %q, and nothing that tells of another log driver: %w", path, err)
	case err != nil:
		host = hostConfig{} // the driver is known by its file, but not whether it has a limit
	case !there:
		path = ""
	}
	return host.redirection(path), nil
}

// readHostConfig reads the file in which the engine keeps a container's configuration for
// its own restarts. It is read only where the engine cannot be asked.
func readHostConfig(path string) (h hostConfig, err error) {
	f, err := os.Open(path)
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	content, err := io.ReadAll(io.LimitReader(f, maxAnswer))
	if err != nil {
		return h, err
	}
	if err := json.Unmarshal(content, &h); err != nil {
		return h, fmt.Errorf("decode %q: %w", path, err)
	}
	if h.LogConfig.Type == "" {
		return h, fmt.Errorf("%q names no log driver", path)
	}
	return h, nil
}
