package logmgr

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// linkLater makes the legacy link of a container that has started if kubelet has
// not done so by then: a link that it finds in its place is an error to kubelet.
// A container may have ended meanwhile. Kubelet looks for the log once, after the
// start, and makes no link if the log is just then between its two names.
func (r *registry) linkLater(c *container) {
	if r.LegacyDir == "" {
		return
	}
	r.linkIn(r.LinkGrace, c)
}

// linkIn makes the legacy link in d, and tries again every minute while that
// fails and the container runs.
func (r *registry) linkIn(d time.Duration, c *container) {
	l, facts := c.log, c.Container
	stop(l.linkTimer) // of the attempt before it at the same path
	var timer *time.Timer
	timer = r.after(d, func(r *registry) {
		if l.linkTimer == timer {
			l.linkTimer = nil // it has more in its hands than the whole log needs asleep
		}
		if r.containers[c.ID] != c {
			return // unlink has been there
		}
		r.spawn("link to "+l.path, func(context.Context) {
			defer r.work.begin("make the legacy link of "+l.path, stuckFile)()
			err := r.linkLegacy(facts)
			if err == nil {
				return
			}
			r.mail.post(func(r *registry) {
				if l.live == c {
					r.linkIn(sweepEvery, c)
				}
			})
			if !errors.Is(err, fs.ErrNotExist) { // a log that is not there yet
				r.metrics.failed(stepLink)
				l.complain("cannot make the legacy link", err)
			}
		})
	})
	l.linkTimer = timer
}

func (m *Manager) linkLegacy(c Container) error {
	name, err := logfile.LegacyLinkName(c.Pod, c.Namespace, c.Name, c.ID)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(c.LogPath); err != nil {
		return err // kubelet makes no link to nothing either
	}
	err = os.Symlink(c.LogPath, filepath.Join(m.LegacyDir, name))
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(m.LegacyDir, 0o755); err != nil { //nolint:gosec // kubelet makes this directory with the same mode
			return err
		}
		err = os.Symlink(c.LogPath, filepath.Join(m.LegacyDir, name))
	}
	if errors.Is(err, fs.ErrExist) {
		return nil // kubelet's, or ours from before
	}
	return err
}

// unlink removes the links of a container that is gone, where they lead
// nowhere, and what a compression of its log has left unfinished.
func (r *registry) unlink(c *container) {
	l := c.log
	facts := c.Container
	last := l.containers == 1
	r.spawn("unlink "+l.path, func(context.Context) {
		defer r.work.begin("remove the links of "+l.path, stuckFile)()
		var errs []error
		if r.LegacyDir != "" {
			if name, err := logfile.LegacyLinkName(facts.Pod, facts.Namespace, facts.Name, facts.ID); err == nil {
				errs = append(errs, removeDangling(filepath.Join(r.LegacyDir, name)))
			}
		}
		if last {
			errs = append(errs, r.inDir(l.history.dir, func(dir *logfile.Dir) error { return removeTemporary(dir, l.name) }))
		}
		if err := errors.Join(errs...); err != nil {
			r.metrics.failed(stepUnlink)
			l.complain("cannot remove links and temporary files of a container that is gone", err)
		}
	})
}

// removeTemporary removes what a compression has left unfinished, unless it is
// still at work.
func removeTemporary(dir *logfile.Dir, name string) error {
	found, err := dir.Scan(name)
	errs := []error{err}
	for _, f := range found.Temporary {
		if err := dir.RemoveTemporary(f.Name); !errors.Is(err, logfile.ErrHeld) {
			errs = append(errs, ignoreMissing(err))
		}
	}
	return errors.Join(errs...)
}

// sweepLegacy removes the legacy links that lead nowhere and belong to no
// container that exists.
func (m *Manager) sweepLegacy(exists map[string]bool) error {
	if m.LegacyDir == "" {
		return nil
	}
	defer m.work.begin("sweep "+m.LegacyDir, stuckFile)()
	entries, err := os.ReadDir(m.LegacyDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		_, _, _, id, ok := logfile.ParseLegacyLinkName(e.Name())
		if !ok || exists[id] || e.Type()&fs.ModeSymlink == 0 {
			continue
		}
		link := filepath.Join(m.LegacyDir, e.Name())
		if target, err := os.Readlink(link); err != nil || !within(m.PodLogsDir, target) {
			continue
		}
		errs = append(errs, removeDangling(link))
	}
	return errors.Join(errs...)
}

// removeDangling removes the link at path if it is one and leads nowhere.
func removeDangling(path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return ignoreMissing(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return ignoreMissing(os.Remove(path))
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel) && rel != "."
}
