package main

import (
	"os"
	"path/filepath"
)

// links notices the links in a folder.
type links struct {
	dir  string
	name func(path string) string // as it is to be shown
	seen map[string]bool
}

func newLinks(dir string, name func(string) string) *links {
	return &links{dir: dir, name: name, seen: map[string]bool{}}
}

// appeared returns each link once, as "path -> target".
func (l *links) appeared() []string {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return nil
	}
	var fresh []string
	for _, entry := range entries {
		path := filepath.Join(l.dir, entry.Name())
		target, err := os.Readlink(path)
		if err != nil || l.seen[path] {
			continue
		}
		l.seen[path] = true
		fresh = append(fresh, l.name(path)+"\n         -> "+l.name(target))
	}
	return fresh
}
