package main

import (
	"os"
	"path/filepath"
)

// links notices the links in a folder.
type links struct {
	dir  string
	seen map[string]bool
}

func newLinks(dir string) *links { return &links{dir: dir, seen: map[string]bool{}} }

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
		fresh = append(fresh, path+"\n         -> "+target)
	}
	return fresh
}
