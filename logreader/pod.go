package logreader

import (
	"slices"
	"strings"
)

// Pod names one pod; another one of the same name has another UID.
type Pod struct {
	Namespace string
	Name      string
	UID       string
}

// Directory is the name of the pod's log directory, as kubelet has it.
func (p Pod) Directory() string { return p.Namespace + "_" + p.Name + "_" + p.UID }

// ParsePod takes the name of a pod's log directory apart.
func ParsePod(directory string) (Pod, bool) {
	parts := strings.SplitN(directory, "_", 3)
	if len(parts) != 3 || slices.Contains(parts, "") {
		return Pod{}, false
	}
	return Pod{Namespace: parts[0], Name: parts[1], UID: parts[2]}, true
}

// PodsOf are the pods that directories are the log directories of; others are passed over.
func PodsOf(directories []string) []Pod {
	var pods []Pod
	for _, directory := range directories {
		if p, ok := ParsePod(directory); ok {
			pods = append(pods, p)
		}
	}
	return pods
}
