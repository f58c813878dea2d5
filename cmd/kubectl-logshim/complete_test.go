package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/manpage"
)

// A pod is completed in the namespace that is meant, and who may not list pods is told nothing.
func TestComplete(t *testing.T) {
	c := newShop(t)
	for line, want := range map[string]string{
		"logs we":                     "web-0 web-1",
		"logs kube-system/e":          "kube-system/etcd-node-1",
		"logs -n kube-system e":       "etcd-node-1",
		"logs --node node-1 we":       "web-0",
		"logs web-0 we":               "",
		"logs --token wrong we":       "",
		"logs --kubeconfig /none w":   "",
		"logs --server https://[ we":  "",
		"logs --prev":                 "--previous",
		"lo":                          "logs",
		"logs -c app --namespace=x w": "",
	} {
		var out, told bytes.Buffer
		args := append([]string{"__completeNoDesc"}, strings.Fields(line)...)
		args = append(args[:len(args)-1:len(args)-1], "--kubeconfig="+c.kubeconfig, args[len(args)-1])
		if strings.Contains(line, "--kubeconfig") || line == "lo" {
			args = append([]string{"__completeNoDesc"}, strings.Fields(line)...)
		}
		run(t.Context(), args, &out, &told)
		names, _, _ := strings.Cut(out.String(), ":")
		if got := strings.Join(strings.Fields(names), " "); got != want {
			t.Errorf("%s: %q, want %q; it tells %s", line, got, want, told.String())
		}
	}
}

// Every command has its page, and kubectl finds what completes them.
func TestManualPages(t *testing.T) {
	folder := t.TempDir()
	for _, what := range []string{"man", "completions"} {
		var out, told bytes.Buffer
		if code := run(t.Context(), []string{"generate", what, folder}, &out, &told); code != 0 {
			t.Fatalf("code %d: %s", code, told.String())
		}
	}
	for _, cmd := range manpage.Commands(newRootCommand()) {
		page, err := os.ReadFile(filepath.Join(folder, manpage.Name(cmd)+".1"))
		if err != nil || strings.Count(string(page), "wrong usage") != 1 || !strings.Contains(string(page), "KUBECONFIG") {
			t.Errorf("the page of %q: %v\n%s", cmd.CommandPath(), err, page)
		}
	}
	for _, name := range []string{"bash-completion/completions/kubectl-logshim", "fish/vendor_completions.d/kubectl-logshim.fish", "zsh/site-functions/_kubectl-logshim"} {
		if text, err := os.ReadFile(filepath.Join(folder, name)); err != nil || !strings.Contains(string(text), "kubectl-logshim") {
			t.Errorf("%s: %v, %d bytes", name, err, len(text))
		}
	}
}
