package policy

import (
	"cmp"
	"hash/maphash"
	"slices"
)

const (
	// mostRemembered bounds what is remembered of all pods, and mostOfPod of one, so
	// that neither a node where pods come and go for years nor one pod fills the memory.
	// It is more than the pods of a node can have, unless they want to.
	mostRemembered = 1 << 16
	mostOfPod      = 1 << 9
)

// memory is which problems were told of which pod.
type memory struct {
	seed  maphash.Seed
	pods  map[string]*podMemory // by uid
	size  int                   // problems of all pods
	calls uint64
}

type podMemory struct {
	problems map[uint64]struct{} // by their hash
	last     uint64              // the number of the last call about the pod
}

func newMemory() memory {
	return memory{seed: maphash.MakeSeed(), pods: map[string]*podMemory{}}
}

// isNew tells whether a problem of a pod is new, and remembers it. Of a pod that has too
// many, further ones are not.
func (m *memory) isNew(podUID string, p Problem) bool {
	pod := m.pods[podUID]
	if pod == nil {
		pod = &podMemory{problems: map[uint64]struct{}{}}
		m.pods[podUID] = pod
	}
	m.calls++
	pod.last = m.calls
	key := maphash.Comparable(m.seed, p)
	if _, known := pod.problems[key]; known || len(pod.problems) >= mostOfPod {
		return false
	}
	pod.problems[key] = struct{}{}
	if m.size++; m.size > mostRemembered {
		m.forget()
	}
	return true
}

// forget lets go of the pods of which nothing was heard for longest, until half is left.
// Those that are still there are heard of with every reload.
func (m *memory) forget() {
	uids := make([]string, 0, len(m.pods))
	for uid := range m.pods {
		uids = append(uids, uid)
	}
	slices.SortFunc(uids, func(a, b string) int { return cmp.Compare(m.pods[a].last, m.pods[b].last) })
	for _, uid := range uids {
		if m.size <= mostRemembered/2 {
			return
		}
		m.size -= len(m.pods[uid].problems)
		delete(m.pods, uid)
	}
}
