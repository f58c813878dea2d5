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

	"github.com/cri-logshim/cri-logshim/bypass"
	"github.com/cri-logshim/cri-logshim/config"
)

// link looks where kubelet's link leads, and whether a bypass is on. Of a configuration without a
// link the way is empty.
func (t *Tree) link(c config.Configuration) (bypass.Status, error) {
	if c.KubeletEndpoint == "" {
		return bypass.Status{}, nil
	}
	e, err := t.endpoints(c)
	if err != nil {
		return bypass.Status{}, err
	}
	s, err := e.Status()
	if err != nil || s.Target == "" {
		return s, err
	}
	link := strings.TrimPrefix(c.KubeletEndpoint, unixScheme)
	for way, endpoint := range map[bypass.Way]string{bypass.ToShim: c.Listen, bypass.ToRuntime: c.RuntimeEndpoint} {
		same, err := t.same(link, strings.TrimPrefix(endpoint, unixScheme))
		if err != nil {
			return s, err
		}
		if same {
			s.Way = way
		}
	}
	return s, nil
}

// endpoints are those of a configuration, where they lie.
func (t *Tree) endpoints(c config.Configuration) (e bypass.Endpoints, err error) {
	if e.Link, err = t.linkPlace(c); err != nil {
		return e, err
	}
	if e.Shim, err = t.real(strings.TrimPrefix(c.Listen, unixScheme)); err != nil {
		return e, err
	}
	e.Runtime, err = t.real(strings.TrimPrefix(c.RuntimeEndpoint, unixScheme))
	return e, err
}

// fitLink refuses to lead kubelet to a link that a person has led past cri-logshim: the runtime
// would answer there too, and no call would ever come.
func (i *Installer) fitLink(ctx context.Context, c config.Configuration) error {
	if i.options.Offline {
		return nil
	}
	s, err := i.tree.link(c)
	if err != nil || s.Bypass == nil || s.Bypass.Automatic {
		return err // an automatic one ends when cri-logshim serves
	}
	ends, err := i.bypassOff(ctx)
	if err != nil {
		return err
	}
	return fmt.Errorf("a bypass is on (%s), so kubelet's calls would go past cri-logshim; end it, then run this again: %s", s.Bypass, ends)
}

// bypassOff is the command that ends a bypass on this node as it is: kubelet is led back only to
// somebody who answers, unless it is forced.
func (i *Installer) bypassOff(ctx context.Context) (string, error) {
	const off = "cri-logshim bypass off"
	state, err := i.property(ctx, service, "ActiveState")
	if err != nil || state == "active" {
		return off, err
	}
	there, err := i.there([]string{service})
	if err != nil || len(there) > 0 {
		return "systemctl start " + service + " && " + off, err
	}
	return off + " --force", nil
}

// linkLeads waits until kubelet's link leads to where cri-logshim serves.
func (r *run) linkLeads(ctx context.Context) error {
	c := r.in.config
	if c.KubeletEndpoint == "" {
		return nil
	}
	err := r.until(ctx, serveTime, func(context.Context) error {
		s, err := r.tree.link(c)
		switch {
		case err != nil || s.Way == bypass.ToShim:
			return err
		case s.Bypass != nil:
			return fmt.Errorf("it leads to %q, by a bypass (%s), which it ends when it serves", s.Target, s.Bypass)
		case s.Way == bypass.Missing:
			return errors.New("there is no link yet")
		}
		return fmt.Errorf("it leads to %q", s.Target)
	})
	if err != nil {
		return fmt.Errorf("kubelet's endpoint %s does not lead to cri-logshim at %s: %w; journalctl -u cri-logshim says more", c.KubeletEndpoint, c.Listen, err)
	}
	return nil
}

// stale says whether a service that runs does so in a mode that is not the configuration's any
// more: kubelet's link leads past it in all but one.
func (r *run) stale() (bool, error) {
	s, err := r.tree.link(r.in.config)
	if err != nil || s.Bypass != nil {
		return false, err
	}
	if r.in.config.Mode == config.ModeProxy {
		return s.Way == bypass.ToRuntime, nil
	}
	return s.Way == bypass.ToShim, nil
}

// clearRun takes away kubelet's link, a bypass, and whatever else of cri-logshim's does not outlive
// a boot, unless it runs or kubelet is still led there, as by hand.
func (i *Installer) clearRun(ctx context.Context, c config.Configuration) error {
	if i.options.Offline || c.KubeletEndpoint == "" {
		return nil
	}
	for _, unit := range []string{socket, service} {
		if state, err := i.property(ctx, unit, "ActiveState"); err != nil || state != inactive {
			return err
		}
	}
	s := &Status{}
	i.endpointStatus(ctx, s, c)
	if s.ThroughShim || len(s.Trouble) > 0 {
		return nil
	}
	e, err := i.tree.endpoints(c)
	if err != nil {
		return err
	}
	return e.Clear(ctx)
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
