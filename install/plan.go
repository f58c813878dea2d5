package install

import (
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// change is what is to become of a file.
type change struct {
	path     string
	part     Part
	before   *File // as it would be without us; nil: not there
	now      *File
	after    *File
	settings []Setting
	// replaced says that after has been put in place, or is about to be.
	replaced bool
	// dropped is what an earlier run has recorded of a file that this one does not want
	// changed any more; nil: it does.
	dropped *Changed
}

// plan is all that is to be changed. It is made over the files as they were before an earlier
// installation, so that a second one comes to the same as the first.
type plan struct {
	tree    *Tree
	record  *Record
	changes []*change
	notes   []string // what an operator should know
}

// read returns a file as it will be.
func (p *plan) read(path string) (*File, error) {
	if c := p.find(path); c != nil {
		return c.after, nil
	}
	now, err := p.tree.Read(path)
	if err != nil {
		return nil, err
	}
	if at := slices.IndexFunc(p.record.Files, func(c Changed) bool { return p.same(c.Path, path) }); at >= 0 {
		return p.tree.original(&p.record.Files[at], now)
	}
	return now, nil
}

func (p *plan) find(path string) *change {
	at := slices.IndexFunc(p.changes, func(c *change) bool { return p.same(c.path, path) })
	if at < 0 {
		return nil
	}
	return p.changes[at]
}

// same says whether two paths are of one file, as below /lib where that is a link to /usr/lib. A
// path that leads nowhere is like no other; whoever reads it hears why.
func (p *plan) same(a, b string) bool {
	same, err := p.tree.same(a, b)
	return err == nil && same
}

// write plans that a file is to hold a text. settings say what differs; none: it is ours as a
// whole.
func (p *plan) write(part Part, path string, text []byte, settings ...Setting) error {
	if c := p.find(path); c != nil {
		c.after = c.after.with(text)
		c.settings = append(c.settings, settings...)
		return nil
	}
	before, err := p.read(path)
	if err != nil {
		return err
	}
	now, err := p.tree.Read(path)
	if err != nil {
		return err
	}
	after := before.with(text)
	if after.sum() != before.sum() {
		p.changes = append(p.changes, &change{path: path, part: part, before: before, now: now, after: after, settings: settings})
	}
	return nil
}

// dropRest takes back what an earlier run has changed and this one does not.
func (p *plan) dropRest() error {
	for _, recorded := range p.record.Files {
		if p.find(recorded.Path) != nil {
			continue
		}
		now, err := p.tree.Read(recorded.Path)
		if err != nil {
			return err
		}
		before, err := p.tree.original(&recorded, now)
		if err != nil {
			return err
		}
		p.changes = append(p.changes, &change{path: recorded.Path, part: recorded.Part, before: before, now: now, after: before, dropped: &recorded})
	}
	return nil
}

func (p *plan) note(text string) { p.notes = append(p.notes, text) }

// has says whether anything of a part is not yet as it is to be.
func (p *plan) has(part Part) bool {
	return slices.ContainsFunc(p.changes, func(c *change) bool { return c.part == part && c.now.sum() != c.after.sum() })
}

// diff is what is not yet as it is to be, as a unified diff. Files that come or go as a whole are
// left out, unless all is asked for.
func (p *plan) diff(all bool) string {
	var text strings.Builder
	for _, c := range p.changes {
		if all || c.now != nil && c.after != nil {
			text.WriteString(difference(c.path, c.now, c.after))
		}
	}
	return text.String()
}

// difference is what differs between two versions of a file; empty: nothing.
func difference(path string, from, to *File) string {
	old, changed := path, path
	if from == nil {
		from, old = &File{}, "/dev/null"
	}
	if to == nil {
		to, changed = &File{}, "/dev/null"
	}
	text := string(diff.Diff(old, from.Text, changed, to.Text))
	if rest, found := strings.CutPrefix(text, "diff "); found {
		_, text, _ = strings.Cut(rest, "\n") // a line that other programs do not write
	}
	return text
}

// takesBack says whether an endpoint that an earlier installation has set is taken out of one of
// kubelet's files.
func (p *plan) takesBack() bool {
	endpoint := kubeletEndpoint()
	return slices.ContainsFunc(p.record.Files, func(recorded Changed) bool {
		set := slices.ContainsFunc(recorded.Settings, func(s Setting) bool { return s.Key == endpoint.key || s.Key == endpoint.flag })
		c := p.find(recorded.Path)
		return set && c != nil && c.now.sum() != c.after.sum()
	})
}

// recorded is the plan as it goes into the record when it has been carried out.
func (p *plan) recorded() []Changed {
	files := []Changed{}
	for _, c := range p.changes {
		if c.dropped != nil {
			one := *c.dropped
			one.Earlier = ""
			files = append(files, one)
			continue
		}
		one := Changed{Path: c.path, Part: c.part, Before: c.before.sum(), After: c.after.sum(), Settings: c.settings}
		if c.before != nil {
			one.Mode, one.UID, one.GID = c.before.Mode, c.before.UID, c.before.GID
		}
		files = append(files, one)
	}
	return files
}

// begun is the plan as it goes into the record before it is carried out: until a file is replaced
// it holds what an earlier installation has set, which an uninstallation has to take out too.
func (p *plan) begun() []Changed {
	files := p.recorded()
	for at, c := range p.changes {
		one := &files[at]
		if c.dropped != nil {
			*one = *c.dropped
			continue
		}
		if now := c.now.sum(); now != one.Before && now != one.After {
			one.Earlier = now
		}
		earlier := slices.IndexFunc(p.record.Files, func(r Changed) bool { return p.same(r.Path, c.path) })
		if earlier < 0 || one.Settings == nil {
			continue // it is ours as a whole
		}
		for _, s := range p.record.Files[earlier].Settings {
			if !slices.ContainsFunc(one.Settings, func(set Setting) bool { return set.Key == s.Key }) {
				one.Settings = append(slices.Clone(one.Settings), s)
			}
		}
	}
	return files
}
