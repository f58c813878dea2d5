// Package docs_test holds the manual to what it refers to.
package docs_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// blob is where files of this repository are shown to who has no copy of it.
const blob = "https://github.com/cri-logshim/cri-logshim/blob/main/"

// Every link from one file of the repository to another one, and from the alerts to the manual, leads
// to a file that is there and, where it names a heading, to that heading: a heading that is renamed
// breaks links to it silently.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	root := os.DirFS("..")
	inText := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	toBlob := regexp.MustCompile(regexp.QuoteMeta(blob) + "[^\\s\"'`)]*")
	links := 0
	for _, file := range files(t, root) {
		text := read(t, root, file)
		var targets []string
		if path.Ext(file) == ".md" {
			for _, found := range inText.FindAllStringSubmatch(withoutCode(text), -1) {
				targets = append(targets, found[1])
			}
		}
		targets = append(targets, toBlob.FindAllString(text, -1)...)
		for _, target := range targets {
			here := strings.HasPrefix(target, blob)
			if !here && regexp.MustCompile(`^[a-z]+:`).MatchString(target) {
				continue // the web's
			}
			links++
			if err := follow(root, file, target); err != nil {
				t.Errorf("%s: the link to %s %v", file, target, err)
			}
		}
	}
	if links < 20 {
		t.Errorf("only %d links were found", links)
	}
}

// follow says why a link in a file leads nowhere.
func follow(root fs.FS, file, target string) error {
	rest, absolute := strings.CutPrefix(target, blob)
	to, anchor, _ := strings.Cut(rest, "#")
	switch {
	case to == "":
		to = file
	case !absolute:
		to = path.Join(path.Dir(file), to)
	}
	if _, err := fs.Stat(root, to); err != nil {
		return fmt.Errorf("leads to no file: %w", err)
	}
	if anchor == "" {
		return nil
	}
	text, err := fs.ReadFile(root, to)
	if err != nil {
		return err
	}
	if all := anchors(string(text)); !slices.Contains(all, anchor) {
		return fmt.Errorf("leads to no heading; there are %v", all)
	}
	return nil
}

// anchors are the names that GitHub gives to headings.
func anchors(text string) (all []string) {
	dropped := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	times := map[string]int{}
	for _, heading := range regexp.MustCompile(`(?m)^#{1,6} +(.*?) *$`).FindAllStringSubmatch(withoutCode(text), -1) {
		name := strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(heading[1]), ""), " ", "-")
		if times[name]++; times[name] > 1 {
			name = fmt.Sprintf("%s-%d", name, times[name]-1)
		}
		all = append(all, name)
	}
	return all
}

// withoutCode leaves out blocks of code, in which a # begins no heading.
func withoutCode(text string) string {
	return regexp.MustCompile("(?ms)^ *```.*?^ *```").ReplaceAllString(text, "")
}

// files are those of the repository that may hold links.
func files(t *testing.T, root fs.FS) (all []string) {
	t.Helper()
	for _, dir := range []string{".", "docs", "monitoring"} {
		entries, err := fs.ReadDir(root, dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if slices.Contains([]string{".md", ".yaml", ".json"}, path.Ext(e.Name())) {
				all = append(all, path.Join(dir, e.Name()))
			}
		}
	}
	return all
}

func read(t *testing.T, root fs.FS, file string) string {
	t.Helper()
	text, err := fs.ReadFile(root, file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
