package nodelogs_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logreader/nodelogs/nodelogstest"
)

// kubelet's stamps are in the node's zone, ours in UTC. It finds a source that takes both for UTC, so that
// --since leaves out files of the last hours and the two are out of order.
func TestZoneOfTheNode(t *testing.T) {
	dir := t.TempDir()
	logs := dir + "/pods/shop_web-0_u1/app/0.log"
	// Five and a half hours behind UTC; ours comes between.
	write(t, logs+".20251231-173000.gz", record("1"))
	write(t, logs+".20260101-003000.000000000", record("2"))
	write(t, logs+".20251231-193000", record("3"))
	last := time.Date(2026, 1, 1, 0, 59, 52, 0, time.UTC)
	if err := os.Chtimes(logs+".20251231-193000", last, last); err != nil {
		t.Fatal(err)
	}
	source := newSource(t, serve(t, nodelogstest.Kubelet(dir)))
	for range 2 { // the second time it is known, though there is nothing to see it by
		listing, err := source.Files(t.Context(), web())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range listing.Files {
			got = append(got, f.Rotated.Format("02 15:04"))
		}
		want := "31 23:00,01 00:30,01 01:00"
		if len(got) == 2 {
			want = "31 23:00,01 00:30"
		}
		if text := strings.Join(got, ","); text != want {
			t.Errorf("rotated at %s, want %s", text, want)
		}
		if err := os.Remove(logs + ".20251231-193000"); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
}

// What looks like a rotated file and is none is told of, and what comes and goes is not.
func TestPassedOver(t *testing.T) {
	dir := t.TempDir()
	logs := dir + "/pods/shop_web-0_u1/app/0.log"
	for _, end := range []string{"", ".1", ".tmp", ".20251231-173000.gz.tmp", "rotate", ".20251331-173000"} {
		write(t, logs+end, record("1"))
	}
	listing, err := newSource(t, serve(t, nodelogstest.Kubelet(dir))).Files(t.Context(), web())
	if err != nil {
		t.Fatal(err)
	}
	if len(listing.Files) != 1 || len(listing.PassedOver) != 2 {
		t.Errorf("%d files, passed over %v", len(listing.Files), listing.PassedOver)
	}
}
