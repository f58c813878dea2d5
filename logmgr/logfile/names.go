package logfile

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cri-logshim/cri-logshim/logmgr/logname"
)

const (
	nameSeparator = "_"
	maxNameBytes  = 255 // the longest name that common file systems take
)

// PodDirName is the name of a pod's log directory, "<namespace>_<pod>_<uid>", as kubelet
// builds it (pkg/kubelet/kuberuntime/helpers.go, BuildPodLogsDirectory).
func PodDirName(namespace, pod, uid string) (string, error) {
	if err := checkNames("namespace", namespace, "pod name", pod, "pod uid", uid); err != nil {
		return "", err
	}
	name := strings.Join([]string{namespace, pod, uid}, nameSeparator)
	return name, checkNames("pod log directory", name)
}

// ContainerLogPath is the path of a container's log below its pod's log directory,
// "<container>/<attempt>.log" (helpers.go, buildContainerLogsPath).
func ContainerLogPath(container string, attempt uint32) (string, error) {
	if err := checkNames("container name", container); err != nil {
		return "", err
	}
	return container + "/" + strconv.FormatUint(uint64(attempt), 10) + logname.Suffix, nil
}

// LegacyLinkName is the name kubelet gives to a container log's link in
// /var/log/containers, "<pod>_<namespace>_<container>-<id>.log". What precedes the suffix
// is cut so that the whole has 255 bytes at most (pkg/kubelet/kuberuntime/legacy.go,
// logSymlink); the cut counts bytes and may leave half a character.
func LegacyLinkName(pod, namespace, container, id string) (string, error) {
	if err := checkNames("pod name", pod, "namespace", namespace, "container name", container, "container id", id); err != nil {
		return "", err
	}
	name := pod + nameSeparator + namespace + nameSeparator + container + "-" + id
	return name[:min(len(name), maxNameBytes-len(logname.Suffix))] + logname.Suffix, nil
}

// ParseLegacyLinkName takes the name of a legacy link apart. A name of 255 bytes may have
// been cut anywhere, so nothing in it can be relied on and ok is false.
func ParseLegacyLinkName(name string) (pod, namespace, container, id string, ok bool) {
	stem, ok := strings.CutSuffix(name, logname.Suffix)
	if !ok || len(name) >= maxNameBytes {
		return "", "", "", "", false
	}
	parts := strings.SplitN(stem, nameSeparator, 3)
	if len(parts) != 3 {
		return "", "", "", "", false
	}
	dash := strings.LastIndexByte(parts[2], '-')
	if dash < 0 {
		return "", "", "", "", false
	}
	pod, namespace, container, id = parts[0], parts[1], parts[2][:dash], parts[2][dash+1:]
	if checkNames("", pod, "", namespace, "", container, "", id) != nil {
		return "", "", "", "", false
	}
	return pod, namespace, container, id, true
}

// RelativeLogPath is the path below podLogsDir of the log that a runtime would write for
// PodSandboxConfig.log_directory (absolute) and ContainerConfig.log_path (relative to
// it): runtimes merely join the two. It wraps ErrEscapes unless the log lies strictly
// below logDirectory and that strictly below podLogsDir.
func RelativeLogPath(podLogsDir, logDirectory, logPath string) (rel string, err error) {
	root, dir := filepath.Clean(podLogsDir), filepath.Clean(logDirectory)
	file := filepath.Join(dir, logPath)
	switch {
	case strings.IndexByte(file, 0) >= 0:
		return "", fmt.Errorf("log path %q in %q: %w: NUL byte", logPath, logDirectory, ErrName)
	case !below(root, dir):
		return "", fmt.Errorf("log directory %q below %q: %w", logDirectory, podLogsDir, ErrEscapes)
	case !below(dir, file):
		return "", fmt.Errorf("log path %q below %q: %w", logPath, logDirectory, ErrEscapes)
	}
	return strings.TrimPrefix(file[len(root):], "/"), nil
}

// below tells whether the clean absolute path child lies strictly below parent.
func below(parent, child string) bool {
	if !filepath.IsAbs(parent) {
		return false
	}
	prefix := strings.TrimSuffix(parent, "/") + "/"
	return len(child) > len(prefix) && strings.HasPrefix(child, prefix)
}

// checkNames takes pairs of a kind and a name and returns the first fault found.
func checkNames(kindsAndNames ...string) error {
	for i := 0; i < len(kindsAndNames); i += 2 {
		if err := checkName(kindsAndNames[i+1]); err != nil {
			return fmt.Errorf("%s %q: %w", kindsAndNames[i], kindsAndNames[i+1], err)
		}
	}
	return nil
}

// checkName refuses what cannot be exactly one element of a path.
func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: empty", ErrName)
	case name == "." || name == "..":
		return fmt.Errorf("%w: names a directory", ErrName)
	case len(name) > maxNameBytes:
		return fmt.Errorf("%w: longer than %d bytes", ErrName, maxNameBytes)
	case strings.IndexByte(name, '/') >= 0:
		return fmt.Errorf("%w: holds a slash", ErrName)
	case strings.IndexByte(name, 0) >= 0:
		return fmt.Errorf("%w: holds a NUL byte", ErrName)
	}
	return nil
}
