package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/logreader"
	"github.com/cri-logshim/cri-logshim/logreader/disk"
	"github.com/cri-logshim/cri-logshim/logreader/logcmd"
	"github.com/cri-logshim/cri-logshim/logreader/logprint"
)

// The same tree is shown byte for byte as on the node itself, with each line's origin.
func TestShowsWhatTheNodeShows(t *testing.T) {
	c := newShop(t)
	c.write("node-1", "pods/shop_web-0_u1/app/0.log", record("03", "current")+strings.Repeat("torn", 10)+"\n\xff\n"+record("04", "after it"))
	source, err := disk.Open(disk.Options{PodLogsDir: c.varLog("node-1") + "/pods", KeepDir: c.varLog("node-1") + "/cri-logshim/kept"})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	var want bytes.Buffer
	printer, err := logprint.New(&want, logprint.Options{Format: logprint.JSON})
	if err != nil {
		t.Fatal(err)
	}
	containers := []logreader.Container{{Pod: logreader.Pod{Namespace: "shop", Name: "web-0", UID: "u1"}, Name: "app"}}
	if err := logcmd.Show(t.Context(), source, containers, logreader.Options{Tail: logreader.All}, printer); err != nil {
		t.Fatal(err)
	}
	code, got, told := c.logs("web-0", "-o", "json")
	if code != 0 || got != want.String() || got == "" {
		t.Errorf("code %d, %s\n%s\non the node\n%s", code, told, got, want.String())
	}
}
