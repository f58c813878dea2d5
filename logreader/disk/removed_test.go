package disk_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// Files that are removed after they were listed and before they were read are told of once: what
// they held is missing, and the rest looks whole without it.
func TestRemovedWhileRead(t *testing.T) {
	for name, test := range map[string]struct {
		removed []int
		lines   int
		warned  int
	}{
		"a rotated file":        {[]int{2}, 40, 1},
		"several":               {[]int{1, 2}, 30, 1},
		"the current file":      {[]int{4}, 40, 1},
		"the pod":               {[]int{1, 2, 3, 4}, 10, 1},
		"the one that was open": {[]int{0}, 50, 0},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			live := n.pods + "/" + dirOf(web())
			var files []string
			for range 4 {
				files = append(files, n.rotated(live+"/0.log", "", 10))
				n.clock = n.clock.Add(time.Second)
			}
			files = append(files, n.write(live+"/0.log", n.lines(10)))
			var warned []error
			o := options()
			o.Warn = func(err error) { warned = append(warned, err) }
			r := logreader.New(n.open(), []logreader.Container{web()}, o)
			defer r.Close()
			lines := 0
			for ; ; lines++ {
				_, err := r.Next(t.Context())
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if lines > 0 {
					continue
				}
				for _, i := range test.removed {
					if err := os.Remove(files[i]); err != nil {
						t.Fatal(err)
					}
				}
				if len(test.removed) == 4 {
					if err := os.RemoveAll(filepath.Dir(live)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if lines != test.lines || len(warned) != test.warned {
				t.Errorf("read %d lines, want %d; warned of %v", lines, test.lines, warned)
			}
			for _, err := range warned {
				if _, ok := errors.AsType[*logreader.GapError](err); !ok {
					t.Errorf("warned of %v, want a gap", err)
				}
			}
		})
	}
}

// A rotated file says by its name in which range of time it is, whatever time somebody has given
// it since: with the latter, lines are left out.
func TestRangeOfTouchedFiles(t *testing.T) {
	for _, touched := range []time.Time{time.Unix(0, 0), time.Now().Add(10_000 * time.Hour)} {
		n := newNode(t)
		begin := n.clock
		n.history()
		err := filepath.WalkDir(n.pods, func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.Contains(path, ".log.") {
				return err
			}
			return os.Chtimes(path, touched, touched)
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range [][2]int{{0, 1}, {5, 1005}, {1009, 1012}, {4000, 6000}, {6400, 6600}, {6900, 11600}} {
			o := options()
			o.Since, o.Until = begin.Add(time.Duration(r[0])*time.Second), begin.Add(time.Duration(r[1]-1)*time.Second)
			n.expect(n.read(o), r[0], r[1])
		}
	}
}
