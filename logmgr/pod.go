package logmgr

import (
	"maps"
	"slices"
	"strings"
)

// AnnotationDomain is what the annotations for cri-logshim belong to: their keys
// are AnnotationDomain, / and a setting, or for one container its name, a dot,
// AnnotationDomain, / and a setting.
const AnnotationDomain = "cri-logshim.io"

const (
	// maxAnnotations bounds what is kept of a pod's annotations for one container,
	// in bytes.
	maxAnnotations = 4 << 10
	// maxAnnotation is how much is kept of one value, which makes it longer than
	// any that is followed.
	maxAnnotation = 128
	// maxLabels bounds what is kept of a pod's labels, in bytes. Most pods have some
	// hundred.
	maxLabels = 16 << 10
)

// AnnotationsFor returns those of a pod's annotations that are addressed to
// cri-logshim and concern one container; nil: none. Long values are cut, and of
// very many only the first in order are taken, so that no pod can make us
// remember more than a few KiB.
func AnnotationsFor(container string, annotations map[string]string) map[string]string {
	var found map[string]string
	size := 0
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		domain, _, _ := strings.Cut(key, "/")
		if domain != AnnotationDomain && domain != container+"."+AnnotationDomain {
			continue
		}
		value := annotations[key]
		value = strings.Clone(value[:min(len(value), maxAnnotation)])
		if size += len(key) + len(value); size > maxAnnotations {
			break
		}
		if found == nil {
			found = map[string]string{}
		}
		found[key] = value
	}
	return found
}

// labelDomain is what kubelet's own labels on a sandbox begin with. They repeat
// the pod's names.
const labelDomain = "io.kubernetes.pod."

// LabelsOf returns a pod's own labels, without those that kubelet adds for
// itself; nil: none. Of more than 16 KiB only the first in order are taken.
func LabelsOf(labels map[string]string) map[string]string {
	var own map[string]string
	size := 0
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if strings.HasPrefix(key, labelDomain) {
			continue
		}
		if size += len(key) + len(labels[key]); size > maxLabels {
			break
		}
		if own == nil {
			own = make(map[string]string, len(labels))
		}
		own[key] = labels[key]
	}
	return own
}
