package nodelogs

import (
	"github.com/cri-logshim/cri-logshim/logmgr/logname"
	"github.com/cri-logshim/cri-logshim/logreader"
)

// fileOf reads what the name of a log's file tells, as if all times were in UTC. What belongs to a log
// and is none of its files is foreign; unfinished compressions, which come and go, are neither.
func fileOf(name string) (f logreader.File, is, foreign bool) {
	current, attempt, ok := logname.CurrentOf(name)
	if !ok {
		return f, false, false
	}
	f = logreader.File{Name: name, Attempt: attempt}
	if name == current {
		return f, true, false
	}
	r, ok := logname.ParseRotated(current, name)
	if !ok {
		return f, false, name != current+logname.TemporarySuffix // which is conmon's
	}
	f.Compression, f.Key = r.Compression, current+"."+r.Stamp
	f.Rotated, _ = r.Wall()
	return f, !r.Temporary, false
}

// stampedByKubelet tells whether a rotated file bears the node's local time instead of UTC.
func stampedByKubelet(f logreader.File) bool {
	current, _, _ := logname.CurrentOf(f.Key)
	r, ok := logname.ParseRotated(current, f.Key)
	return ok && r.Local()
}
