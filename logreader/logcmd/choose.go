package logcmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// NotFoundError tells that there is no such log.
type NotFoundError struct {
	What string
	Near []string // names that may have been meant
}

func (e *NotFoundError) Error() string {
	if len(e.Near) == 0 {
		return e.What
	}
	return e.What + "; did you mean " + strings.Join(e.Near, " or ") + "?"
}

// LabelledPod is a pod and its labels.
type LabelledPod struct {
	logreader.Pod
	Labels map[string]string
}

// Chooser finds the logs that are wanted.
type Chooser struct {
	Source logreader.Source
	// Labels knows the labels of pods, and ByID containers by what their id begins with where
	// the source does not; nil: nobody does.
	Labels func(ctx context.Context) ([]LabelledPod, error)
	ByID   func(ctx context.Context, prefix string) ([]logreader.Identified, error)
	// Note is told what was decided for the person who asked.
	Note Note
}

// Choose returns the containers that are wanted, in the order of their names. The error is a
// *NotFoundError, a *UsageError if several may be meant, or the source's.
func (c *Chooser) Choose(ctx context.Context, w Wanted) ([]logreader.Container, error) {
	if w.Selector != nil {
		return c.bySelector(ctx, w)
	}
	all, err := c.Source.Pods(ctx)
	if err != nil {
		return nil, err
	}
	var found []logreader.Pod
	for _, p := range all {
		if p.Name == w.Pod && (w.Namespace == "" || p.Namespace == w.Namespace) {
			found = append(found, p)
		}
	}
	if len(found) == 0 {
		one, err := c.byID(ctx, w)
		if len(one) > 0 || err != nil {
			return one, err
		}
		what := "there is no log of pod " + w.podName()
		if w.mayBeID() {
			what += ", nor of a container whose id begins with that"
		}
		return nil, &NotFoundError{what, near(all, w)}
	}
	p, err := c.choosePod(ctx, w, found)
	if err != nil {
		return nil, err
	}
	return c.containers(ctx, w, p)
}

func (w Wanted) podName() string {
	if w.Namespace == "" {
		return w.Pod
	}
	return w.Namespace + "/" + w.Pod
}

// choosePod chooses one of the pods of a name.
func (c *Chooser) choosePod(ctx context.Context, w Wanted, found []logreader.Pod) (logreader.Pod, error) {
	meant := slices.DeleteFunc(slices.Clone(found), func(p logreader.Pod) bool { return !strings.HasPrefix(p.UID, w.UID) })
	var namespaces []string
	for _, p := range meant {
		namespaces = append(namespaces, p.Namespace+"/"+p.Name)
	}
	slices.Sort(namespaces)
	namespaces = slices.Compact(namespaces)
	switch {
	case len(meant) == 0:
		return logreader.Pod{}, &NotFoundError{fmt.Sprintf("there is no log of a pod %s with a UID that begins with %s; there are %s", w.podName(), w.UID, uidsOf(found)), nil}
	case len(namespaces) > 1:
		return logreader.Pod{}, misuse("pod %s is in several namespaces: say which of %s", w.Pod, strings.Join(namespaces, ", "))
	case len(meant) == 1:
		return meant[0], nil
	case w.UID != "":
		return logreader.Pod{}, misuse("the UIDs of several pods %s begin with %s: %s", w.podName(), w.UID, uidsOf(meant))
	}
	return c.newest(ctx, w, meant)
}

// uidsOf lists the UIDs of pods, for a message.
func uidsOf(pods []logreader.Pod) string {
	var uids []string
	for _, p := range pods {
		uids = append(uids, p.UID)
	}
	return strings.Join(uids, ", ")
}

// newest is the pod of several of the same name that was written to last; one that is still
// there comes before those that were removed.
func (c *Chooser) newest(ctx context.Context, w Wanted, pods []logreader.Pod) (logreader.Pod, error) {
	type aged struct {
		logreader.Pod
		ended bool
		last  time.Time
	}
	var all []aged
	for _, p := range pods {
		a := aged{Pod: p, ended: true}
		names, err := c.Source.Containers(ctx, p)
		if err != nil {
			return logreader.Pod{}, err
		}
		for _, name := range names {
			l, err := c.Source.Files(ctx, logreader.Container{Pod: p, Name: name})
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return logreader.Pod{}, err
			}
			a.ended = a.ended && l.Ended
			for _, f := range l.Files {
				for _, t := range []time.Time{f.LastWrite, f.Rotated} {
					if t.After(a.last) {
						a.last = t
					}
				}
			}
		}
		all = append(all, a)
	}
	slices.SortStableFunc(all, func(a, b aged) int {
		if a.ended != b.ended {
			if a.ended {
				return 1
			}
			return -1
		}
		return b.last.Compare(a.last)
	})
	var others []string
	for _, a := range all[1:] {
		last := "nothing is left of it"
		if !a.last.IsZero() {
			last = "last written to " + a.last.UTC().Format(time.RFC3339)
		}
		others = append(others, fmt.Sprintf("--uid %s (%s)", a.UID, last))
	}
	within := ""
	if w.Previous {
		within = "; --previous is an earlier attempt within that pod"
	}
	c.note("showing the newest of %d pods %s/%s, UID %s%s; for one before it: %s", len(all), all[0].Namespace, all[0].Name, all[0].UID, within, strings.Join(others, ", "))
	return all[0].Pod, nil
}

func (c *Chooser) note(format string, args ...any) {
	if c.Note != nil {
		c.Note(format, args...)
	}
}

// containers are those of a pod that are wanted.
func (c *Chooser) containers(ctx context.Context, w Wanted, p logreader.Pod) ([]logreader.Container, error) {
	names, err := c.Source.Containers(ctx, p)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	pod := p.Namespace + "/" + p.Name
	switch {
	case len(names) == 0:
		return nil, &NotFoundError{fmt.Sprintf("there is no log of any container of pod %s", pod), nil}
	case w.Container != "" && !slices.Contains(names, w.Container):
		return nil, &NotFoundError{fmt.Sprintf("pod %s has no log of container %s; it has those of %s", pod, w.Container, strings.Join(names, ", ")), nil}
	case w.Container != "":
		names = []string{w.Container}
	case !w.AllContainers && len(names) > 1:
		return nil, misuse("pod %s has several containers: choose one of %s with --container, or all with --all-containers", pod, strings.Join(names, ", "))
	}
	var all []logreader.Container
	for _, name := range names {
		all = append(all, logreader.Container{Pod: p, Name: name})
	}
	return all, nil
}

// near are names of pods that may have been meant.
func near(all []logreader.Pod, w Wanted) []string {
	const most = 5
	var names []string
	for _, p := range all {
		same := p.Name == w.Pod || strings.EqualFold(p.Name, w.Pod)
		begins := strings.HasPrefix(p.Name, w.Pod) || strings.HasPrefix(w.Pod, p.Name)
		here := w.Namespace == "" || w.Namespace == p.Namespace
		if w.Namespace == p.Name && w.Container == "" { // pod/container
			names = append(names, p.Namespace+"/"+p.Name+"/"+w.Pod)
			continue
		}
		if same || here && (begins || Distance(p.Name, w.Pod) <= 2) {
			names = append(names, p.Namespace+"/"+p.Name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(len(names), most)]
}
