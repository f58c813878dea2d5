package logmgr

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// ErrOutside is wrapped by errors about a log that lies outside podLogsDir.
var ErrOutside = errors.New("lies outside podLogsDir")

// PlaceIn returns the path below podLogsDir of a container's log, or why it cannot be
// managed.
func PlaceIn(podLogsDir string, c Container) (rel string, err error) {
	if _, err := logfile.PodDirName(c.Namespace, c.Pod, c.PodUID); err != nil {
		return "", err
	}
	if _, err := logfile.ContainerLogPath(c.Name, c.Attempt); err != nil {
		return "", err
	}
	within := filepath.Clean(podLogsDir) + "/"
	if c.LogDirectory != "" {
		if !strings.HasPrefix(filepath.Clean(c.LogDirectory)+"/", within) {
			return "", outside(path.Join(c.LogDirectory, c.LogPath), podLogsDir)
		}
		return logfile.RelativeLogPath(podLogsDir, c.LogDirectory, c.LogPath)
	}
	below, found := strings.CutPrefix(c.LogPath, within)
	if !found {
		return "", outside(c.LogPath, podLogsDir)
	}
	podDir, file, _ := strings.Cut(below, "/")
	return logfile.RelativeLogPath(podLogsDir, path.Join(podLogsDir, podDir), file)
}

func outside(log, podLogsDir string) error {
	return fmt.Errorf("its log %q %w %q; set podLogsDir to kubelet's podLogsDir, and restart", log, ErrOutside, podLogsDir)
}

// abroad counts containers by where their log is.
type abroad struct {
	placed  int // below podLogsDir: it is managed
	outside int
}

// refuse follows when a container's log cannot be managed.
func (r *registry) refuse(c *container, err error) {
	r.Refused(c.Container, err)
	r.refusals[c.ID] = err.Error()
	if c.outside = errors.Is(err, ErrOutside); c.outside {
		r.abroad.outside++
		r.tellAbroad()
	}
}

// depart follows when a container is no longer known.
func (r *registry) depart(c *container) {
	delete(r.refusals, c.ID)
	switch {
	case c.outside:
		r.abroad.outside--
	case c.log != nil:
		r.abroad.placed--
	default:
		return
	}
	r.tellAbroad()
}

// tellAbroad lets Trouble know how many containers have their log outside podLogsDir, if
// no other is known: some clients put single logs elsewhere, but all of them are elsewhere
// only where podLogsDir is wrong.
func (r *registry) tellAbroad() {
	n := r.abroad.outside
	if r.abroad.placed > 0 {
		n = 0
	}
	r.strays.Store(int64(n))
}

// strayed says that no log is managed because all of them are elsewhere.
func (m *Manager) strayed() []string {
	n := m.strays.Load()
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("no log is managed: those of all containers (%d) lie outside podLogsDir %q; set it to kubelet's podLogsDir, and restart", n, m.PodLogsDir)}
}
