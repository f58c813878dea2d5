package logcmd

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// mayBeID tells whether what is wanted can be the beginning of a container's id.
func (w Wanted) mayBeID() bool {
	return w.Namespace == "" && w.Container == "" && w.UID == "" && strings.Trim(w.Pod, "0123456789abcdef") == ""
}

// byID finds the container whose id begins with what was named, if that can be one.
func (c *Chooser) byID(ctx context.Context, w Wanted) ([]logreader.Container, error) {
	if !w.mayBeID() {
		return nil, nil
	}
	prefix := w.Pod
	var found []logreader.Identified
	if finder, ok := c.Source.(logreader.Finder); ok {
		some, err := finder.ByID(ctx, prefix)
		if err != nil {
			return nil, err
		}
		found = some
	}
	if len(found) == 0 && c.ByID != nil {
		some, err := c.ByID(ctx, prefix)
		if err != nil {
			c.note("the runtime was not asked for containers by id: %v", err)
		}
		found = some
	}
	var all []logreader.Container
	var names []string
	for _, one := range found {
		if !slices.Contains(all, one.Container) {
			all = append(all, one.Container)
			names = append(names, one.ID+" ("+one.Namespace+"/"+one.Pod.Name+"/"+one.Name+")")
		}
	}
	if len(all) > 1 {
		return nil, misuse("the ids of several containers begin with %s: %s", prefix, strings.Join(names, ", "))
	}
	return all, nil
}

// errNoLabels tells that pods cannot be chosen by labels.
var errNoLabels = errors.New("labels are not in log files, and there is nobody to ask for them")

// bySelector returns the containers of all pods whose labels match.
func (c *Chooser) bySelector(ctx context.Context, w Wanted) ([]logreader.Container, error) {
	if c.Labels == nil {
		return nil, errNoLabels
	}
	labelled, err := c.Labels(ctx)
	if err != nil {
		return nil, err
	}
	var all []logreader.Container
	var seen []logreader.Pod
	for _, p := range labelled {
		if w.Namespace != "" && p.Namespace != w.Namespace || !w.Selector.Matches(p.Labels) || slices.Contains(seen, p.Pod) {
			continue
		}
		seen = append(seen, p.Pod)
		some, err := c.containers(ctx, w, p.Pod)
		if _, missing := errors.AsType[*NotFoundError](err); missing {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	if len(all) == 0 {
		return nil, &NotFoundError{"there is no log of a pod with these labels; those of removed pods are not known any longer", nil}
	}
	return all, nil
}
