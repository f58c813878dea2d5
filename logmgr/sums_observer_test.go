package logmgr_test

import (
	"testing"
	"time"
)

// An Observer tells what namespaces write and have on disk, and goes on from that when a container
// has ended: it manages none of these logs, and who fills the disk is asked before anybody decides on
// another mode.
func TestObserverSumsUp(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.options.ContainerSums = true
		c := r.behind(r.facts("app"))
		o := r.observe()
		r.pass(7 * time.Second)
		r.must(c.Grow(300 * kib))
		r.pass(20 * time.Second)
		for _, running := range []bool{true, false} {
			sums, err := o.Sums(t.Context())
			r.must(err)
			if len(sums.Namespaces) != 1 || sums.Namespaces[0].Namespace != "ns" || sums.Namespaces[0].BytesWritten != 300*kib {
				t.Errorf("running %t: namespaces are %+v", running, sums.Namespaces)
			}
			if disk := sums.Namespaces[0].DiskBytes; running && (disk == nil || *disk != diskOf(t, c.Path())) {
				t.Errorf("on disk is %v, want %d bytes", disk, diskOf(t, c.Path()))
			}
			if (len(sums.Containers) == 1) != running {
				t.Errorf("running %t: containers are %+v", running, sums.Containers)
			}
			if running {
				r.must(c.Exit())
				r.pass(7 * time.Second)
			}
		}
	})
}
