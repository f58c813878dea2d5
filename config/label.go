package config

import (
	"maps"
	"slices"
	"strings"
)

// The limits of a label as Kubernetes has them.
const (
	maxLabelPrefix = 253
	maxLabelName   = 63
)

// kubeletLabels is what the labels begin with that kubelet puts on a sandbox for
// itself.
const kubeletLabels = "io.kubernetes.pod."

// checkPodLabels refuses labels that no pod can have, and that would therefore
// match nothing.
func checkPodLabels(fault faultFunc, at string, labels map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if strings.HasPrefix(key, kubeletLabels) {
			fault(join(at, key), "is kubelet's own label, which is not looked at; match.namespace and match.container match names")
		} else if !isLabelKey(key) {
			fault(join(at, key), "is no label that a pod can have: the key must be a name, or a DNS name, / and a name")
		}
		if value := labels[key]; value != "" && !isLabelName(value) {
			fault(join(at, key), "is no label that a pod can have: the value must be at most 63 letters, digits, -, _ and ., with a letter or digit at both ends, is %q", value)
		}
	}
}

func isLabelKey(key string) bool {
	prefix, name, prefixed := strings.Cut(key, "/")
	if !prefixed {
		return isLabelName(key)
	}
	return isLabelName(name) && len(prefix) <= maxLabelPrefix && isDNSName(prefix)
}

func isLabelName(s string) bool {
	return s != "" && len(s) <= maxLabelName && isAlphanumeric(rune(s[0])) && isAlphanumeric(rune(s[len(s)-1])) &&
		!strings.ContainsFunc(s, func(r rune) bool { return !isAlphanumeric(r) && !strings.ContainsRune("-_.", r) })
}

// isDNSName tells a DNS name in lower case from other texts.
func isDNSName(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if !isLabelName(label) || strings.Contains(label, "_") || label != strings.ToLower(label) {
			return false
		}
	}
	return true
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
