package logmgr_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// Files that policies ask to go, and nobody has looked at yet, go by an order with the setting that
// asks for it, the oldest first and no more of them; the dry run tells the same and removes nothing.
func TestPruneByPolicy(t *testing.T) {
	const planted = 3
	for reason, test := range map[string]struct {
		bound func(*logmgr.Policy)
		gone  int
	}{
		"maxFiles":     {func(p *logmgr.Policy) { p.MaxFiles = 3 }, 2},
		"deleteAfter":  {func(p *logmgr.Policy) { p.DeleteAfter = time.Hour }, planted},
		"maxTotalSize": {func(p *logmgr.Policy) { p.MaxTotalSize = 450 * kib }, 2},
	} {
		t.Run(reason, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.policy = logmgr.Policy{MaxSize: mib, MaxFiles: 100}
				test.bound(&r.policy)
				r.start()
				c := r.run("app")
				r.must(c.Print("stdout", 100, 1000))
				r.pass(5 * time.Second)
				_, err := r.Rotate(t.Context(), c.ID())
				r.must(err)
				r.pass(time.Minute) // it is tidied
				before := names(t, c.Path())
				var want []string
				for i := range planted {
					name := fmt.Sprintf("0.log.20200101-00000%d.000000000", i)
					r.must(os.WriteFile(filepath.Join(filepath.Dir(c.Path()), name), make([]byte, 200*kib), 0o600))
					want = append(want, name)
				}
				all := names(t, c.Path())
				want = want[:test.gone]
				for _, dryRun := range []bool{true, false} {
					files, err := r.Prune(t.Context(), logmgr.PruneOrder{DryRun: dryRun})
					r.must(err)
					var got []string
					for _, f := range files {
						got = append(got, f.Name)
						if f.Reason != reason || f.Namespace != "ns" || f.Container != "app" || f.Bytes < 200*kib {
							t.Errorf("dry run %t: %+v went", dryRun, f)
						}
					}
					if !slices.Equal(got, want) {
						t.Errorf("dry run %t: %q went, want %q", dryRun, got, want)
					}
					if left := names(t, c.Path()); dryRun && !slices.Equal(left, all) {
						t.Errorf("after the dry run %q are left of %q", left, all)
					}
				}
				if left := names(t, c.Path()); len(left) != len(before)+planted-test.gone {
					t.Errorf("%q are left, there were %q", left, all)
				}
				if got := r.metric("files_removed_total", reason); got != float64(test.gone) {
					t.Errorf("%v removals are counted, want %d", got, test.gone)
				}
			})
		})
	}
}

// An order under node.minFree wins the space back, from the oldest files of whoever has most, and no
// more than is missing once policies have what they ask for; the dry run before it tells the same
// files, although none of them is free yet.
func TestPruneUnderMinFree(t *testing.T) {
	withDisk(t, logmgr.Node{MinFree: logmgr.Floor{Amount: 20 * mib}}, func(t *testing.T, r *rig, d *disk) {
		r.policy.DeleteAfter = 24 * time.Hour
		r.start()
		big, small := r.run("big"), r.run("small")
		r.rotate(big, 12)
		r.rotate(small, 3)
		r.pass(5 * time.Second)
		all, others := names(t, big.Path()), names(t, small.Path())
		old := "0.log.20200101-000000.000000000"
		r.must(os.WriteFile(filepath.Join(filepath.Dir(small.Path()), old), make([]byte, 2*mib), 0o600))
		used, _ := r.usage()
		d.others.Store(d.size - used - 20*mib + 4*mib) // and nobody has looked since
		told, err := r.Prune(t.Context(), logmgr.PruneOrder{DryRun: true})
		r.must(err)
		if got := names(t, big.Path()); !slices.Equal(got, all) {
			t.Fatalf("after the dry run %q are left of %q", got, all)
		}
		removed, err := r.Prune(t.Context(), logmgr.PruneOrder{})
		r.must(err)
		if !slices.Equal(told, removed) || len(removed) < 2 || removed[0].Name != old || removed[0].Reason != "deleteAfter" {
			t.Fatalf("%+v went, and was to be %+v", removed, told)
		}
		for i, f := range removed[1:] {
			if f.Reason != "node.minFree" || f.Container != "big" || f.Name != all[i+1] { // behind 0.log
				t.Errorf("%+v went as number %d of %q", f, i, all)
			}
		}
		if got := r.free(d); got < 20*mib || got > 20*mib+mib+64*kib {
			t.Errorf("%d KiB are free", got/kib)
		}
		if got := names(t, small.Path()); !slices.Equal(got, others) {
			t.Errorf("of the small one's %q are left %q", others, got)
		}
		r.newestLines(big)
		r.verify(small)
	})
}

// A node whose inodes run out wins them back the same way.
func TestPruneUnderMinFreeInodes(t *testing.T) {
	withDisk(t, logmgr.Node{}, func(t *testing.T, r *rig, d *disk) {
		r.start()
		c := r.run("app")
		r.rotate(c, 6)
		r.pass(5 * time.Second)
		_, files := r.usage()
		d.inodes = files + 7 // of which 10 are to be free
		s := r.options.Settings
		s.PolicyOf = always(r.policy)
		s.Node = logmgr.Node{MinFreeInodes: logmgr.Floor{Amount: 10}}
		before := rotated(t, c.Path())
		r.Configure(s)
		gone, err := r.Prune(t.Context(), logmgr.PruneOrder{})
		r.must(err)
		if left := rotated(t, c.Path()); len(gone) != 3 || gone[0].Reason != "node.minFreeInodes" || !slices.Equal(left, before[3:]) {
			t.Errorf("%+v went, of %q are left %q", gone, before, left)
		}
		r.newestLines(c)
	})
}
