package docker

import (
	"context"
	"os"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// byRule finds a container's output in the data directory that is known, and if there is
// nothing of it in that, in the one that the engine names: one that hangs is not waited for
// in vain.
func (r *Runtime) byRule(ctx context.Context, id string) (logmgr.Redirection, error) {
	known := r.knownRoot()
	to, err := byRule(known, id)
	if err == nil {
		return to, nil
	}
	root, rootErr := r.engine.dataRoot(ctx)
	if rootErr != nil || root == known {
		return logmgr.Redirection{}, err
	}
	r.setRoot(root)
	return byRule(root, id)
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
