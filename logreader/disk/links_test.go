package disk_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/logreader"
)

func (n *node) symlink(target, name string) {
	n.t.Helper()
	if err := os.Symlink(target, name); err != nil {
		n.t.Fatal(err)
	}
}

// checkNothingRead reads web, whose only file is passed over, so it has none, and that is told.
func (n *node) checkNothingRead() {
	n.t.Helper()
	o := options()
	o.Warn = func(err error) { n.warned = append(n.warned, err) }
	r := logreader.New(n.open(), []logreader.Container{web()}, o)
	line, err := r.Next(n.t.Context())
	if _, ok := errors.AsType[*logreader.NoLogError](err); !ok || len(n.warned) != 1 {
		n.t.Errorf("%q is read, and told: %v, %v", line.Text, err, n.warned)
	}
	if err := r.Close(); err != nil {
		n.t.Error(err)
	}
}

// A link is followed to what bears the name of a log of Docker's, and nowhere else: whoever may plant
// one would be shown any file of root's.
func TestLinksThatAreNotDockers(t *testing.T) {
	const id = "0123abcd"
	for name, target := range map[string]string{
		"another folder": "/others/" + id + "/" + id + "-json.log",
		"another name":   "/containers/" + id + "/shadow",
		"no id":          "/containers/xyz/xyz-json.log",
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			live := n.pods + "/" + dirOf(web())
			n.mkdir(live)
			n.write(n.docker+target, n.lines(5))
			n.symlink(n.docker+target, live+"/0.log")
			n.checkNothingRead()
		})
	}
}

// A link in keepDir is nobody's: cri-logshim makes none there.
func TestLinkInKeepDir(t *testing.T) {
	n := newNode(t)
	log := n.write(n.docker+"/containers/abc/abc-json.log", `{"log":"x\n","stream":"stdout","time":"2026-03-01T12:00:00Z"}`+"\n")
	n.mkdir(n.kept + "/" + dirOf(web()))
	n.symlink(log, n.kept+"/"+dirOf(web())+"/0.log")
	n.checkNothingRead()
}

// A link in place of a pod's directory hides that pod, and no other.
func TestLinkInPlaceOfAPod(t *testing.T) {
	n := newNode(t)
	n.write(n.pods+"/"+dirOf(web())+"/0.log", n.lines(5))
	other := web()
	other.UID = "u2"
	n.symlink("shop_web-0_u1", n.pods+"/shop_web-0_u2")
	d := n.open()
	for c, want := range map[logreader.Container]int{web(): 1, other: 0} {
		if got, err := d.Containers(t.Context(), c.Pod); err != nil || len(got) != want {
			t.Errorf("pod %s has containers %v, %v, want %d", c.UID, got, err, want)
		}
	}
}

// What Docker has compressed, or numbered otherwise, is none of its files twice.
func TestDockerNames(t *testing.T) {
	n := newNode(t)
	const log = "/containers/abc/abc-json.log"
	record := func(text string) string {
		return `{"log":"` + text + `\n","stream":"stdout","time":"2026-03-01T12:00:00Z"}` + "\n"
	}
	for name, text := range map[string]string{"": "3", ".1": "2", ".2.gz": "1", ".01": "x", ".0": "x", ".+1": "x", ".1.gz": "x", ".2.gz.tmp": "x", ".1x": "x"} {
		n.write(n.docker+log+name, record(text))
	}
	n.mkdir(n.pods + "/" + dirOf(web()))
	n.symlink(n.docker+log, n.pods+"/"+dirOf(web())+"/0.log")
	if got := strings.Join(n.read(options()), " "); got != "1 2 3" {
		t.Errorf("%q, told %v", got, n.warned)
	}
}

// A file that was compressed in both directories is read once.
func TestCompressedTwice(t *testing.T) {
	n := newNode(t)
	text := n.lines(10)
	for _, dir := range []string{n.kept, n.pods} {
		n.write(dir+"/"+dirOf(web())+"/0.log."+n.stamp()+".gz", text)
	}
	n.write(n.pods+"/"+dirOf(web())+"/0.log", n.lines(10))
	n.expect(n.read(options()), 0, 20)
}

// A container is found by the beginning of its id, and only by that.
func TestByID(t *testing.T) {
	n := newNode(t)
	for id, name := range map[string]string{"0a1b": "app", "0a2c": "sidecar", "b0a1": "init"} {
		n.symlink(n.pods+"/shop_web-0_u1/"+name+"/2.log", n.links+"/web-0_shop_"+name+"-"+id+".log")
	}
	d := n.open()
	for prefix, want := range map[string][]string{"0a1": {"app"}, "0a": {"app", "sidecar"}, "a": nil, "0a1b0": nil} {
		found, err := d.ByID(t.Context(), prefix)
		if err != nil || len(found) != len(want) {
			t.Errorf("%s: %v, %v, want %v", prefix, found, err, want)
			continue
		}
		for _, one := range found {
			if one.Attempt != 2 || one.UID != "u1" || !strings.HasPrefix(one.ID, prefix) {
				t.Errorf("%s: %+v", prefix, one)
			}
		}
	}
}
