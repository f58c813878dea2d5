package logreader

import (
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logline"
)

// All is a Tail of everything.
const All = -1

// Options choose what is read of a container's logs.
type Options struct {
	// Follow waits for what comes after the end, until the pod has ended.
	Follow bool
	// Tail is how many of the last lines are read; All or less: every line.
	Tail int64
	// Since and Until bound the time of lines, both included; zero: no bound. What is no record
	// of a container's output, or none with an end, has the time of the line before it, and is of
	// either stream.
	Since, Until time.Time
	// Stream is the only one that is read; logline.None: both.
	Stream logline.Stream
	// Attempt is the only one that is read; nil: all. Previous is the last but one.
	Attempt  *uint32
	Previous bool

	// Warn is told what cannot be read and is passed over: a damaged file, a gap; nil: nobody.
	Warn func(error)
	// Idle is called before waiting for what is to come; nil: nothing is.
	Idle func() error
}
