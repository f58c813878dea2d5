package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/logreader"
	"github.com/cri-logshim/cri-logshim/logreader/logcmd"
	"github.com/cri-logshim/cri-logshim/logreader/nodelogs"
)

// locator finds out on which nodes logs are.
type locator struct {
	api       *apiServer
	namespace string // that is meant if nobody names one
	node      string // the only one; empty: it is looked for
	places    nodelogs.Places
	note      logcmd.Note
}

// source is that of one node.
func (l *locator) source(node string) (logreader.Source, error) {
	server, err := nodelogs.NewServer(l.api.client, l.api.address, node)
	if err != nil {
		return nil, &logcmd.UsageError{Err: err}
	}
	source, err := nodelogs.NewSource(server, l.places)
	if err != nil {
		return nil, &logcmd.UsageError{Err: err}
	}
	return source, nil
}

// locate returns what chooses among the logs of the right nodes, and what is wanted of them.
func (l *locator) locate(ctx context.Context, w logcmd.Wanted) (*logcmd.Chooser, logcmd.Wanted, error) {
	named := w.Namespace != ""
	if !named {
		w.Namespace = l.namespace
	}
	switch {
	case w.Selector != nil:
		c, err := l.labelled(ctx, w)
		return c, w, err
	case l.node != "":
		source, err := l.source(l.node)
		return l.chooser(source), w, err
	}
	p, err := l.api.pod(ctx, w.Namespace, w.Pod)
	switch {
	case err == nil && strings.HasPrefix(p.logged().UID, w.UID):
		w.UID = p.logged().UID
		f, err := l.at(p)
		return l.chooser(f), w, err
	case saysNo(err, http.StatusForbidden):
		return nil, w, fmt.Errorf("which node pod %s/%s is on cannot be asked: name the node with --node, or have somebody allow you to get pods: %w", w.Namespace, w.Pod, err)
	case err != nil && !saysNo(err, http.StatusNotFound):
		return nil, w, fmt.Errorf("find pod %s/%s: %w", w.Namespace, w.Pod, err)
	}
	if !named && w.Container == "" && w.UID == "" && mayBeID(w.Pod) {
		p, c, err := l.byID(ctx, w.Pod)
		if err != nil {
			return nil, w, err
		}
		if p != nil {
			w.Namespace, w.Pod, w.UID, w.Container = c.Namespace, c.Pod.Name, c.UID, c.Name
			f, err := l.at(*p)
			return l.chooser(f), w, err
		}
	}
	s := &search{locator: l, wanted: w, fleet: newFleet()}
	f, err := s.everywhere(ctx)
	return l.chooser(f), w, err
}

func (l *locator) chooser(source logreader.Source) *logcmd.Chooser {
	return &logcmd.Chooser{Source: source}
}

// at is the pod where it runs.
func (l *locator) at(p pod) (*fleet, error) {
	if p.Spec.NodeName == "" {
		return nil, &logcmd.NotFoundError{What: fmt.Sprintf("pod %s/%s is on no node yet, so it has no log; what another one of this name has logged is shown with --node or --uid", p.Metadata.Namespace, p.Metadata.Name)}
	}
	f := newFleet()
	return f, l.add(f, p)
}

func (l *locator) add(f *fleet, p pod) (err error) {
	f.homes[p.logged()], err = l.source(p.Spec.NodeName)
	return err
}

// labelled chooses among the pods that the API server knows.
func (l *locator) labelled(ctx context.Context, w logcmd.Wanted) (*logcmd.Chooser, error) {
	all, err := l.api.pods(ctx, w.Namespace, l.node)
	if err != nil {
		return nil, fmt.Errorf("only the API server knows labels of pods; list those of namespace %s: %w", w.Namespace, err)
	}
	f := newFleet()
	var labelled []logcmd.LabelledPod
	for _, p := range all {
		if p.Spec.NodeName == "" || !w.Selector.Matches(p.Metadata.Labels) {
			continue
		}
		if err := l.add(f, p); err != nil {
			return nil, err
		}
		labelled = append(labelled, logcmd.LabelledPod{Pod: p.logged(), Labels: p.Metadata.Labels})
	}
	c := l.chooser(f)
	c.Labels = func(context.Context) ([]logcmd.LabelledPod, error) { return labelled, nil }
	return c, nil
}

// mayBeID tells whether a text may be what a container's id begins with: no shorter than anybody shows it.
func mayBeID(text string) bool {
	return len(text) >= 6 && strings.Trim(text, "0123456789abcdef") == ""
}

// byID finds a container and its pod; nil: there is none.
func (l *locator) byID(ctx context.Context, prefix string) (*pod, logreader.Container, error) {
	all, err := l.api.pods(ctx, "", "")
	if saysNo(err, http.StatusForbidden) {
		all, err = l.api.pods(ctx, l.namespace, "")
	}
	if saysNo(err, http.StatusForbidden) {
		l.note("no container was looked for by its id: %v", err)
		return nil, logreader.Container{}, nil
	}
	if err != nil {
		return nil, logreader.Container{}, fmt.Errorf("list pods for their containers' ids: %w", err)
	}
	var home *pod
	var found []logreader.Container
	var names []string
	for _, p := range all {
		for _, one := range p.byID(prefix) {
			if !slices.Contains(found, one.Container) {
				home, found = &p, append(found, one.Container)
				names = append(names, one.ID+" ("+one.Namespace+"/"+one.Pod.Name+"/"+one.Name+")")
			}
		}
	}
	switch {
	case len(found) > 1:
		return nil, logreader.Container{}, exitcode.Usagef("the ids of several containers begin with %s: %s", prefix, strings.Join(names, ", "))
	case len(found) == 0:
		return nil, logreader.Container{}, nil
	}
	return home, found[0], nil
}
