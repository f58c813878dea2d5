package nodelogs

import (
	"strconv"
	"strings"
	"time"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// Layouts of the time in the name of a rotated file: ours is in UTC, kubelet's in the node's zone, which
// is seen to later.
const (
	ourLayout     = "20060102-150405.000000000"
	kubeletLayout = "20060102-150405"
)

// parseFile reads what the name of a log file tells: "<attempt>.log[.<time>[.gz|.zst]]". It does what
// logmgr/logfile does on the node, which cannot be built for an operator's desk of any kind.
func parseFile(name string) (logreader.File, bool) {
	digits, rest, ok := strings.Cut(name, ".log")
	attempt, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || strconv.FormatUint(attempt, 10) != digits {
		return logreader.File{}, false
	}
	f := logreader.File{Name: name, Attempt: uint32(attempt)}
	if rest == "" {
		return f, true
	}
	stamp, ok := strings.CutPrefix(rest, ".")
	if !ok {
		return logreader.File{}, false
	}
	if plain, is := strings.CutSuffix(stamp, ".gz"); is {
		stamp, f.Compression = plain, logreader.Gzip
	} else if plain, is := strings.CutSuffix(stamp, ".zst"); is {
		stamp, f.Compression = plain, logreader.Zstd
	}
	layout := ourLayout
	if len(stamp) == len(kubeletLayout) {
		layout = kubeletLayout
	}
	t, err := time.Parse(layout, stamp)
	if err != nil || t.Format(layout) != stamp {
		return logreader.File{}, false
	}
	f.Rotated, f.Key = t, digits+".log."+stamp
	return f, true
}

// isForeign tells whether a name that is no log's begins like that of a rotated one. What ends with .tmp is
// an unfinished compression, or comes and goes with conmon.
func isForeign(e Entry) bool {
	digits, _, ok := strings.Cut(e.Name, ".log.")
	return ok && !e.Dir && digits != "" && strings.Trim(digits, "0123456789") == "" && !strings.HasSuffix(e.Name, ".tmp")
}

// parsePod takes the name of a pod's log directory apart.
func parsePod(name string) (logreader.Pod, bool) {
	parts := strings.SplitN(name, "_", 3)
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
		return logreader.Pod{}, false
	}
	return logreader.Pod{Namespace: parts[0], Name: parts[1], UID: parts[2]}, true
}

func podDirectory(p logreader.Pod) string { return p.Namespace + "_" + p.Name + "_" + p.UID }
