package policy

import (
	"errors"
	"fmt"
	"time"

	"github.com/cri-logshim/cri-logshim/config"
)

const (
	// smallestSize and shortestAge are what a pod may ask for at least: each
	// rotation is a call of the runtime, which other pods need too.
	smallestSize config.Size = 64 << 10
	shortestAge              = time.Minute
)

// hold puts what an annotation asks for into its bounds: the operator's ceilings,
// and what the node says where a pod may only be stricter, or keep longer. Bound says that it had
// to be changed, err that it is not followed at all.
func (r *Resolver) hold(name string, asked config.RotationOverride, node, sofar config.Rotation) (held config.RotationOverride, bound, err error) {
	ceiling := r.config.Annotations.Ceiling
	switch name {
	case "maxSize":
		if *asked.MaxSize < 0 {
			return held, nil, errors.New("must not be negative, since a pod cannot turn rotation off")
		}
		most, of := ceiling.MaxSize, "annotations.ceiling.maxSize"
		if node.MaxTotalSize > 0 && node.MaxTotalSize < most {
			most, of = node.MaxTotalSize, "the node's maxTotalSize"
		}
		bound = errors.Join(atLeast(asked.MaxSize, min(smallestSize, most), "for pods"), atMost(asked.MaxSize, most, of))
	case "maxFiles":
		bound = atMost(asked.MaxFiles, ceiling.MaxFiles, "annotations.ceiling.maxFiles")
	case "maxFilesUnread":
		bound = atMost(asked.MaxFilesUnread, ceiling.MaxFiles, "annotations.ceiling.maxFiles")
	case "maxAge":
		if *asked.MaxAge > 0 && sofar.MaxSize < 0 {
			return held, nil, errors.New("needs a maxSize, since rotation is off")
		}
		bound = onlyStricter(asked.MaxAge, node.MaxAge)
		if bound == nil && *asked.MaxAge > 0 {
			bound = atLeast(asked.MaxAge, stricter(shortestAge, node.MaxAge), "for pods")
		}
	case "deleteAfter":
		bound = onlyStricter(asked.DeleteAfter, node.DeleteAfter)
	case "maxTotalSize":
		bound = onlyStricter(asked.MaxTotalSize, node.MaxTotalSize)
		if bound == nil && *asked.MaxTotalSize > 0 {
			bound = atLeast(asked.MaxTotalSize, sofar.MaxSize, "the container's maxSize")
		}
	case "keepAfterRemoval":
		if r.config.KeepDir == "" && *asked.KeepAfterRemoval > 0 {
			return held, nil, errors.New("no logs of removed pods are kept on this node (keepDir)")
		}
		most, of := ceiling.KeepAfterRemoval, "annotations.ceiling.keepAfterRemoval"
		if node.KeepAfterRemoval > most {
			most, of = node.KeepAfterRemoval, "the node's keepAfterRemoval"
		}
		bound = errors.Join(atMost(asked.KeepAfterRemoval, most, of), onlyLonger(asked.KeepAfterRemoval, node.KeepAfterRemoval))
	}
	return asked, bound, nil
}

func atMost[T int | config.Size | time.Duration](value *T, most T, of string) error {
	if *value <= most {
		return nil
	}
	*value = most
	return fmt.Errorf("is above the most, %v (%s), which is taken", most, of)
}

func atLeast[T int | config.Size | time.Duration](value *T, least T, of string) error {
	if *value >= least {
		return nil
	}
	*value = least
	return fmt.Errorf("is below the least, %v (%s), which is taken", least, of)
}

// onlyStricter holds a limit of which 0 is off to the node's.
func onlyStricter[T config.Size | time.Duration](value *T, node T) error {
	strictest := stricter(*value, node)
	if *value == strictest {
		return nil
	}
	*value = strictest
	return fmt.Errorf("is looser than the node's %v, which is taken, since a pod can only be stricter", node)
}

// onlyLonger holds a time to the node's at least: whoever is to be audited must not be able
// to have the evidence removed.
func onlyLonger(value *time.Duration, node time.Duration) error {
	if *value >= node {
		return nil
	}
	*value = node
	return fmt.Errorf("is shorter than the node's %v, which is taken, since a pod can only keep its logs longer", node)
}

// stricter returns the smaller of two limits of which 0 is off.
func stricter[T config.Size | time.Duration](a, b T) T {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}
