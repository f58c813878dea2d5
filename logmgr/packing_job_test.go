package logmgr

import (
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/kept"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// However many sweeps find files to compress while a job has them, no second one begins;
// and what is remembered of a failure goes with its file.
func TestOnePackingAtATime(t *testing.T) {
	var p packing
	now := time.Now()
	file := func(inode uint64) kept.File {
		return kept.File{File: logfile.File{Info: logfile.Info{ID: logfile.ID{Ino: inode}}}}
	}
	files := []kept.File{file(1), file(2)}
	if job, _ := p.begin(files, now); len(job) != 2 {
		t.Fatalf("the first job has %d files", len(job))
	}
	for range 3 {
		if job, _ := p.begin(files, now); job != nil {
			t.Error("a second job begins")
		}
	}
	p.failed(file(1).ID, now)
	p.end()
	job, retry := p.begin(files, now)
	if len(job) != 1 || job[0].ID != file(2).ID || retry != sweepPause {
		t.Errorf("after a failure: %v, the other one in %v", job, retry)
	}
	p.end()
	if job, _ := p.begin(files[1:], now); len(job) != 1 || len(p.failing) != 0 {
		t.Errorf("remembered of a file that has gone: %v", p.failing)
	}
}
