package install

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
