package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cri-logshim/cri-logshim/config"
)

// linkLeads waits until kubelet's link leads to where cri-logshim serves. Past it, by a bypass,
// the runtime answers too, and no call would ever come.
func (r *run) linkLeads(ctx context.Context) error {
	c := r.in.config
	if c.KubeletEndpoint == "" {
		return nil
	}
	link, socket := strings.TrimPrefix(c.KubeletEndpoint, unixScheme), strings.TrimPrefix(c.Listen, unixScheme)
	err := r.until(ctx, serveTime, func(context.Context) error { return r.tree.leads(link, socket) })
	if err == nil {
		return nil
	}
	off := "cri-logshim bypass off"
	if r.was.State != Installed {
		off += " --force" // by then no daemon is there to answer
	}
	return fmt.Errorf("kubelet's endpoint %s does not lead to cri-logshim at %s: %w; where a bypass is on (cri-logshim bypass status), %s ends it", c.KubeletEndpoint, c.Listen, err, off)
}

// leads is nil if a link leads to a place.
func (t *Tree) leads(link, to string) error {
	folder, err := t.real(filepath.Dir(link))
	if err != nil {
		return err
	}
	target, err := os.Readlink(filepath.Join(folder, filepath.Base(link)))
	if err != nil {
		return err // there is none yet, or something else
	}
	same, err := t.same(link, to)
	if err == nil && !same {
		err = fmt.Errorf("it leads to %q", target)
	}
	return err
}

// linkPlace is where kubelet's link lies; empty: none is configured.
func (t *Tree) linkPlace(c config.Configuration) (string, error) {
	if c.KubeletEndpoint == "" {
		return "", nil
	}
	link := strings.TrimPrefix(c.KubeletEndpoint, unixScheme)
	folder, err := t.real(filepath.Dir(link))
	return filepath.Join(folder, filepath.Base(link)), err
}

// linkTarget is what kubelet's link holds; empty: there is none.
func (t *Tree) linkTarget(c config.Configuration) (string, error) {
	place, err := t.linkPlace(c)
	if err != nil || place == "" {
		return "", err
	}
	target, err := os.Readlink(place)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EINVAL) {
		return "", nil // or it is none, which cri-logshim will say
	}
	return target, err
}

// linkBack leads kubelet's link where it led before the service was started. That may have been
// the runtime, by a bypass that the service has ended, and nobody serves at its own socket now.
func (r *run) linkBack() error {
	now, err := r.tree.linkTarget(r.in.config)
	if err != nil || r.link == "" || now == r.link {
		return err
	}
	place, err := r.tree.linkPlace(r.in.config)
	if err != nil {
		return err
	}
	next := place + newSuffix
	if err := ignore(fs.ErrNotExist, os.Remove(next)); err != nil {
		return err
	}
	return errors.Join(os.Symlink(r.link, next), os.Rename(next, place))
}
