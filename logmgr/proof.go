package logmgr

import (
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// answerPatience is how long a log that is due waits for the answer where its output is. A
// runtime that works answers within milliseconds.
const answerPatience = 2 * time.Second

// proof is what a tender sees of a log that is due while nobody answers where the output is.
type proof struct {
	since time.Time // when it began to wait
	file  logfile.ID
	size  int64 // of that file then
}

// proven tells whether a log has waited long enough for the answer, and has grown
// meanwhile: then its limit goes before. That needs a regular file, which no runtime that
// keeps its output elsewhere has at the path and goes on writing to. Should it be somebody
// else who writes there, a runtime that cannot reopen it says so, and it is put back.
func (t *tender) proven(now time.Time, info logfile.Info) bool {
	if p := &t.proof; p.since.IsZero() || p.file != info.ID || info.Size < p.size {
		*p = proof{since: now, file: info.ID, size: info.Size}
		return false
	}
	if now.Sub(t.proof.since) < answerPatience || info.Size == t.proof.size {
		return false
	}
	t.where.presume()
	return t.where.await()
}

// provenAside is proven for a log that is missing. Where a rotation was cut in two, the
// runtime goes on writing to what is now the newest rotated file.
func (t *tender) provenAside(now time.Time) bool {
	if t.l.dir == nil {
		return false
	}
	found, err := t.l.dir.Scan(t.l.name)
	if err != nil || len(found.Rotated) == 0 {
		return false
	}
	newest := found.Rotated[len(found.Rotated)-1]
	return newest.Compression == logfile.Plain && t.proven(now, newest.Info)
}
