package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/manpage"
)

// generateInto runs generate and returns the files that it has written, by their names.
func generateInto(t *testing.T, what string) map[string]string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "share")
	root := newRootCommand()
	root.SetArgs([]string{"generate", what, folder})
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, folder+"/")] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Every command has its page, which tells all of its flags, and groff has nothing to warn of.
func TestManualPages(t *testing.T) {
	pages := generateInto(t, "man")
	for _, cmd := range manpage.Commands(newRootCommand()) {
		page, written := pages[manpage.Name(cmd)+".1"]
		if !written {
			t.Errorf("%s has no page", cmd.CommandPath())
		}
		for _, want := range []string{".SH EXIT STATUS\n", "NO_COLOR", ".SH SYNOPSIS\n"} {
			if !strings.Contains(page, want) {
				t.Errorf("the page of %s has no %q", cmd.CommandPath(), want)
			}
		}
	}
	if strings.Count(pages["cri-logshim.1"], "wrong usage") != 1 {
		t.Error("the page of cri-logshim tells the exit codes twice or not")
	}
	if _, written := pages["cri-logshim-generate.1"]; written {
		t.Error("a hidden command has a page")
	}
	if _, err := exec.LookPath("groff"); err != nil {
		return // the package that makes the pages tells that it is missing
	}
	for name, page := range pages {
		groff := exec.CommandContext(t.Context(), "groff", "-man", "-ww", "-Tutf8", "-z", "-")
		groff.Stdin = strings.NewReader(page)
		if said, err := groff.CombinedOutput(); err != nil || len(said) > 0 {
			t.Errorf("%s: %v\n%s", name, err, said)
		}
	}
}

// What is generated is the same each time.
func TestGenerateIsDeterministic(t *testing.T) {
	for _, what := range []string{"man", "completions"} {
		first, again := generateInto(t, what), generateInto(t, what)
		if len(first) < 3 || len(first) != len(again) {
			t.Errorf("%s: %d files, then %d", what, len(first), len(again))
		}
		for name, text := range first {
			if again[name] != text {
				t.Errorf("%s is another one the second time", name)
			}
		}
	}
}

// The completions are what the shells understand, as far as they are here.
func TestCompletions(t *testing.T) {
	files := generateInto(t, "completions")
	for name, shell := range map[string]string{
		"bash-completion/completions/cri-logshim": "bash", "zsh/site-functions/_cri-logshim": "zsh", "fish/vendor_completions.d/cri-logshim.fish": "fish",
	} {
		if !strings.Contains(files[name], "cri-logshim") {
			t.Errorf("%s is %q", name, files[name])
		}
		path, err := exec.LookPath(shell)
		if err != nil {
			continue
		}
		check := exec.CommandContext(t.Context(), path, "-n")
		check.Stdin = strings.NewReader(files[name])
		if said, err := check.CombinedOutput(); err != nil || len(said) > 0 {
			t.Errorf("%s: %v\n%s", name, err, said)
		}
	}
}
