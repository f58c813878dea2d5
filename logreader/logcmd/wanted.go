package logcmd

import (
	"slices"
	"strings"
)

// Wanted is what a person asks for.
type Wanted struct {
	// Pod may also be a container's id or what one begins with, if Namespace and Container are
	// empty.
	Namespace, Pod, Container string
	// UID is what the pod's begins with; empty: the newest.
	UID string
	// Previous is whether the attempt before the last is wanted, which is one of the same pod.
	Previous bool
	// AllContainers is every container of the pod.
	AllContainers bool
	// Selector chooses pods by their labels instead; nil: it does not.
	Selector Selector
}

// Wanted is what the arguments and flags ask for. An error is a *UsageError.
func (f *Flags) Wanted(args []string) (Wanted, error) {
	w := Wanted{Namespace: f.namespace, Container: f.container, UID: f.uid, Previous: f.previous, AllContainers: f.allContainers}
	switch {
	case f.selector != "" && len(args) > 0:
		return w, misuse("name a pod or choose by labels with --selector, not both")
	case f.selector != "":
		selector, err := ParseSelector(f.selector)
		if err != nil {
			return w, &UsageError{err}
		}
		w.Selector = selector
		return w, w.check()
	case len(args) != 1:
		return w, misuse("name one pod, as pod, namespace/pod or namespace/pod/container, or a container by its id")
	}
	return w.name(args[0])
}

// name adds what an argument says.
func (w Wanted) name(arg string) (Wanted, error) {
	arg = strings.TrimPrefix(arg, "pod/")
	if _, id, ok := strings.Cut(arg, "://"); ok { // as in a pod's status
		arg = id
	}
	parts := strings.Split(arg, "/")
	if len(parts) > 3 || slices.Contains(parts, "") {
		return w, misuse("%q: must be pod, namespace/pod, namespace/pod/container, or a container's id", arg)
	}
	if len(parts) == 1 {
		w.Pod = parts[0]
		return w, w.check()
	}
	if w.Namespace != "" && w.Namespace != parts[0] {
		return w, misuse("%q is of namespace %s, --namespace names %s", arg, parts[0], w.Namespace)
	}
	w.Namespace, w.Pod = parts[0], parts[1]
	if len(parts) == 3 {
		if w.Container != "" && w.Container != parts[2] {
			return w, misuse("%q names container %s, --container names %s", arg, parts[2], w.Container)
		}
		w.Container = parts[2]
	}
	return w, w.check()
}

func (w Wanted) check() error {
	if w.AllContainers && w.Container != "" {
		return misuse("a container is named, and --all-containers asks for all of them: leave one out")
	}
	return nil
}
