package logprint

import (
	"strconv"

	"github.com/cri-logshim/cri-logshim/logreader"
	"github.com/cri-logshim/cri-logshim/terminal"
)

// prefixes are what stands before the lines of containers.
type prefixes struct {
	color  bool
	made   map[logreader.Origin]string // without the attempt
	last   *logreader.Origin
	prefix string // the last one's
}

func newPrefixes(color bool) *prefixes {
	return &prefixes{color: color, made: map[logreader.Origin]string{}}
}

// of returns the prefix of a container. Its names are those of folders, and so are made
// harmless wherever they are written.
func (p *prefixes) of(origin *logreader.Origin) string {
	if origin == nil {
		return ""
	}
	if origin == p.last {
		return p.prefix
	}
	key := *origin
	key.Attempt = 0
	prefix, made := p.made[key]
	if !made {
		prefix = "[pod/" + terminal.Harmless(origin.Pod) + "/" + terminal.Harmless(origin.Container) + "]"
		if p.color {
			prefix = sgrOf(len(p.made)) + prefix + terminal.Reset
		}
		prefix += " "
		p.made[key] = prefix
	}
	p.last, p.prefix = origin, prefix
	return prefix
}

// sgrOf is the colour of the n-th container: of the terminal's own colours those that can be
// read on dark and on light, then the same in bold.
func sgrOf(n int) string {
	colors := []int{36, 33, 35, 32, 34, 31}
	color := "\x1b["
	if n/len(colors)%2 == 1 {
		color += "1;"
	}
	return color + strconv.Itoa(colors[n%len(colors)]) + "m"
}
