package docker

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// likely finds a container's output in a data directory. That may be one that Docker has
// left, so the answer is provisional.
func (r *Runtime) likely(root, id string) (to logmgr.Redirection, err error) {
	to, err = byRule(root, id)
	to.Provisional = err == nil
	return to, err
}

// searched finds a container's output in the data directory that is known, and if there is
// nothing of it in that, in the one that the engine names: one that hangs is not waited for
// in vain.
func (r *Runtime) searched(ctx context.Context, id string) (logmgr.Redirection, error) {
	known := r.knownRoot()
	to, err := r.likely(known, id)
	if err == nil {
		return to, nil
	}
	root, rootErr := r.engine.dataRoot(ctx)
	if rootErr != nil || root == known {
		return logmgr.Redirection{}, err
	}
	r.setRoot(root)
	return r.likely(root, id)
}

// moved finds the file that the engine names where it has gone with all of its data: of a
// container that was not started since, the engine still names the place from before.
func (r *Runtime) moved(ctx context.Context, logPath, id string) string {
	if _, err := os.Lstat(logPath); !errors.Is(err, fs.ErrNotExist) {
		return logPath
	}
	root, err := r.engine.dataRoot(ctx)
	if err != nil {
		return logPath
	}
	to, err := byRule(root, id)
	if err != nil || to.Path == "" {
		return logPath
	}
	return to.Path
}

// learnRoot takes in the data directory from the file that the engine names. After
// a move it names files of old containers where they have been.
func (r *Runtime) learnRoot(logPath, id string) {
	root, ok := rootOf(logPath, id)
	if !ok || root == r.knownRoot() {
		return
	}
	if _, err := os.Lstat(logPath); err == nil {
		r.setRoot(root)
	}
}

func (r *Runtime) knownRoot() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.root
}

func (r *Runtime) setRoot(root string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.root = root
}
