package kept

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// life is a container's directory to which all that may happen happens at random. Each
// file has a content of its own, by which it is known.
type life struct {
	*bed
	written int
	stamp   logfile.Stamp
	live    map[string]string // name to content
	gone    map[string]bool   // contents that somebody else has removed
}

// TestWhateverHappens: after any sequence of what log managers, kubelet and crashes do,
// and a look at it, the mirror has every file under its name, and besides exactly those
// that somebody else has removed.
func TestWhateverHappens(t *testing.T) {
	base := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		l := &life{
			bed:  newBed(t, filepath.Join(base, fmt.Sprint(n))),
			live: map[string]string{}, gone: map[string]bool{},
		}
		rt.Repeat(map[string]func(*rapid.T){
			"start": func(rt *rapid.T) {
				l.start(fmt.Sprintf("%d.log", rapid.IntRange(0, 2).Draw(rt, "attempt")))
			},
			"rotate": func(rt *rapid.T) {
				if name := l.draw(rt, func(name string) bool { return strings.HasSuffix(name, ".log") }); name != "" {
					l.rotate(name, rapid.Bool().Draw(rt, "crash before the reopen"))
				}
			},
			"put back": func(rt *rapid.T) {
				name := l.draw(rt, plainRotated)
				if current, _, _ := strings.Cut(name, ".log."); name != "" && l.live[current+".log"] == "" {
					l.rename(name, current+".log")
				}
			},
			"compress": func(rt *rapid.T) {
				if name := l.draw(rt, plainRotated); name != "" {
					l.compress(name)
				}
			},
			"remove": func(rt *rapid.T) {
				name := l.draw(rt, func(string) bool { return true })
				if name == "" {
					return
				}
				l.mirror() // a second name is lost only with its first
				info, err := l.dir.Stat(name)
				l.must(errors.Join(err, l.dir.Remove(name, info.ID)))
				delete(l.live, name)
			},
			"somebody else removes": func(rt *rapid.T) {
				if name := l.draw(rt, func(string) bool { return true }); name != "" {
					l.must(os.Remove(l.bed.live(name)))
					l.gone[l.live[name]] = true
					delete(l.live, name)
				}
			},
			"rm -rf": func(*rapid.T) {
				l.must(os.RemoveAll(l.bed.live("")))
				for _, content := range l.live {
					l.gone[content] = true
				}
				l.live = map[string]string{}
				l.restart()
			},
			"restart": func(*rapid.T) { l.restart() },
			"sweep":   func(*rapid.T) { l.sweep() },
			"":        func(*rapid.T) { l.check() },
		})
	})
}

func plainRotated(name string) bool {
	return strings.Contains(name, ".log.") && !strings.HasSuffix(name, ".gz")
}

func (l *life) draw(rt *rapid.T, fit func(string) bool) string {
	names := slices.Sorted(maps.Keys(l.live))
	names = slices.DeleteFunc(names, func(name string) bool { return !fit(name) })
	if len(names) == 0 {
		return ""
	}
	return rapid.SampledFrom(names).Draw(rt, "file")
}

func (l *life) restart() {
	l.bed.close()
	l.open()
}

// start makes a current log, if there is none.
func (l *life) start(name string) {
	if l.live[name] != "" {
		return
	}
	l.written++
	content := fmt.Sprintf("content %d", l.written)
	l.write(name, content)
	l.live[name] = content
}

func (l *life) rename(from, to string) {
	info, err := l.dir.Stat(from)
	l.must(errors.Join(err, l.dir.Rename(from, to, info.ID)))
	l.live[to] = l.live[from]
	delete(l.live, from)
}

func (l *life) rotate(name string, crash bool) {
	l.stamp = l.stamp.Next(time.Now())
	l.rename(name, logfile.RotatedName(name, l.stamp))
	if crash {
		l.restart()
		return
	}
	l.start(name)
}

func (l *life) compress(name string) {
	log, err := l.dir.Scan(name[:strings.Index(name, ".log")+len(".log")])
	l.must(err)
	for _, f := range log.Rotated {
		if f.Name != name {
			continue
		}
		made, err := l.dir.Compress(l.Context(), f, logfile.Gzip)
		l.must(err)
		l.live[made.Name] = l.live[name]
		delete(l.live, name)
	}
}

// check compares the mirror with what has happened.
func (l *life) check() {
	l.Helper()
	l.mirror()
	kept := l.contents(l.kept(""))
	for name, content := range l.live {
		if kept[name] != content {
			l.Fatalf("%s holds %q in the mirror, want %q", name, kept[name], content)
		}
		if info, err := l.dir.Stat(name); err != nil || info.Links != 2 {
			l.Fatalf("%s: %+v, %v; want two links", name, info, err)
		}
		delete(kept, name)
	}
	found := map[string]bool{}
	for name, content := range kept {
		if found[content] || !l.gone[content] {
			l.Fatalf("%s in the mirror holds %q: twice %v, removed by somebody else %v", name, content, found[content], l.gone[content])
		}
		found[content] = true
	}
	if len(found) != len(l.gone) {
		l.Fatalf("of %v only %v are in the mirror", l.gone, found)
	}
}
