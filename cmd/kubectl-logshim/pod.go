package main

import (
	"strings"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// pod is what is looked at of a pod.
type pod struct {
	Metadata struct {
		Namespace, Name, UID string
		Labels, Annotations  map[string]string
	}
	Spec   struct{ NodeName string }
	Status struct {
		InitContainerStatuses, ContainerStatuses, EphemeralContainerStatuses []containerStatus
	}
}

type containerStatus struct {
	Name, ContainerID string
	LastState         struct {
		Terminated struct{ ContainerID string }
	}
}

// configHash is kubelet's annotation with the UID of a static pod. What the API server knows of it is
// its mirror, which has another UID than the one that its logs bear.
const configHash = "kubernetes.io/config.hash"

// logged is how the pod's logs name it.
func (p pod) logged() logreader.Pod {
	l := logreader.Pod{Namespace: p.Metadata.Namespace, Name: p.Metadata.Name, UID: p.Metadata.UID}
	if hash, mirror := p.Metadata.Annotations[configHash], p.Metadata.Annotations["kubernetes.io/config.mirror"]; hash != "" && mirror != "" {
		l.UID = hash
	}
	return l
}

// byID finds the containers whose id, or that of their attempt before, begins with prefix.
func (p pod) byID(prefix string) (found []logreader.Identified) {
	for _, statuses := range [][]containerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses, p.Status.EphemeralContainerStatuses} {
		for _, s := range statuses {
			for _, id := range []string{s.ContainerID, s.LastState.Terminated.ContainerID} {
				_, id, _ = strings.Cut(id, "://")
				if id != "" && strings.HasPrefix(id, prefix) {
					found = append(found, logreader.Identified{Container: logreader.Container{Pod: p.logged(), Name: s.Name}, ID: id})
					break
				}
			}
		}
	}
	return found
}
