package logmgr_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// TestLeftoversOfKubelet: a kubelet that was killed while it compressed leaves a
// temporary file, or a file plain and compressed. That is finished also where nothing is
// compressed here, and not while it may still be at it.
func TestLeftoversOfKubelet(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy = policyOf(100*kib, 10, logfile.Plain, 0)
		r.start()
		c := r.run("app")
		r.rotate(c, 3)
		r.pass(2 * time.Minute)
		dir, old := filepath.Dir(c.Path()), rotated(t, c.Path())
		whole, cut, written := filepath.Join(dir, old[0]), filepath.Join(dir, old[1]), filepath.Join(dir, old[2]+".tmp")
		r.must(os.WriteFile(whole+".gz", zipped(r, whole), 0o600))
		text := zipped(r, cut)
		r.must(os.WriteFile(cut+".gz", text[:len(text)/2], 0o600))
		r.must(os.WriteFile(cut+".tmp", []byte("unfinished"), 0o600))
		held, err := os.Create(written)
		r.must(err)

		r.rotate(c, 1)
		r.pass(50 * time.Second)
		for _, name := range []string{whole, whole + ".gz", cut, cut + ".gz", cut + ".tmp", written} {
			if !exists(name) {
				t.Errorf("%s has gone in less than a minute", filepath.Base(name))
			}
		}
		r.pass(time.Minute)
		for name, stays := range map[string]bool{
			whole: false, whole + ".gz": true, cut: true, cut + ".gz": false, cut + ".tmp": false, written: true,
		} {
			if exists(name) != stays {
				t.Errorf("%s: exists %t, want %t", filepath.Base(name), !stays, stays)
			}
		}
		r.must(held.Close())
		r.pass(2 * time.Minute)
		if exists(written) {
			t.Errorf("%s stays when nobody writes it any longer", filepath.Base(written))
		}
		r.verify(c)
		if got := r.metric("failures_total"); got != 0 {
			t.Errorf("%v failures are counted", got)
		}
	})
}

// zipped is what gzip makes of a file.
func zipped(r *rig, name string) []byte {
	r.Helper()
	text, err := os.ReadFile(name)
	r.must(err)
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err = w.Write(text)
	r.must(err)
	r.must(w.Close())
	return out.Bytes()
}

// TestStrangersStay: files of other rotators, and what is not safe to touch, are never
// changed, count within maxTotalSize for as much as is ours to count, and are told of once.
func TestStrangersStay(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		const stranger = 400 * kib
		r.policy = policyOf(100*kib, 50, logfile.Plain, 0)
		r.policy.MaxTotalSize = mib
		r.start()
		c := r.run("app")
		r.rotate(c, 1)
		dir, outside := filepath.Dir(c.Path()), filepath.Join(t.TempDir(), "outside")
		r.must(os.WriteFile(outside, make([]byte, 4*mib), 0o600))
		text := bytes.Repeat([]byte("x"), int(stranger))
		for _, name := range []string{"0.log.1", "0.log.bak"} {
			r.must(os.WriteFile(filepath.Join(dir, name), text[:stranger/2], 0o600))
		}
		// Whoever links a large file in must not push the log out.
		r.must(os.Link(outside, filepath.Join(dir, "0.log.2.gz")))
		r.must(os.Link(outside, c.Path()+aside))
		r.must(os.Symlink(outside, filepath.Join(dir, "0.log.old")))
		planted := []string{"0.log.1", "0.log.2.gz", "0.log" + aside, "0.log.bak", "0.log.old"}

		r.rotate(c, 20)
		r.pass(2 * time.Minute)
		var ours int64
		for _, name := range names(t, c.Path()) {
			if !slices.Contains(planted, name) {
				info, err := os.Stat(filepath.Join(dir, name))
				r.must(err)
				ours += info.Size()
			}
		}
		if least, most := mib-stranger-200*kib, mib-stranger; ours < least || ours > most {
			t.Errorf("%d bytes of the log are there, want %d to %d", ours, least, most)
		}
		for _, name := range planted {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || info.Size() != stranger/2 && info.Size() != 4*mib {
				t.Errorf("%s is not what it was: %v", name, err)
			}
		}
		var told []*logrus.Entry
		for _, e := range r.journal.AllEntries() {
			if strings.Contains(e.Message, "left alone") {
				told = append(told, e)
			}
		}
		if len(told) != 1 || told[0].Data["number"] != len(planted) {
			t.Errorf("told %d times: %v", len(told), told)
		}
		for _, name := range planted {
			r.must(os.Remove(filepath.Join(dir, name)))
		}
		r.newestLines(c)
	})
}
