// Package logreader reads what a container has ever written as if it were one file: the current
// file of its log, rotated and compressed ones, those kept after its pod, of all attempts, in the
// order in which they were written. It follows a log across rotations and restarts.
//
// Where files come from is a Source's business: a disk, or an HTTP server. The package needs no
// daemon, changes nothing, and knows nothing of how lines are shown.
package logreader

import "github.com/cri-logshim/cri-logshim/logmgr/logline"

// Origin is whose output a line is.
type Origin struct {
	Namespace string
	Pod       string
	PodUID    string
	Container string
	Attempt   uint32
}

// Line is a line, or a piece of one, and whose output it is.
type Line struct {
	logline.Line
	Origin *Origin
}
