package main

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/exitcode"
)

// A wrong command line has the exit code for that, but where it would say something else, and
// what is said names what was wrong and what may have been meant.
func TestWrongUsage(t *testing.T) {
	for command, want := range map[string]struct {
		code exitcode.Code
		says string
	}{
		"server":                           {exitcode.Usage, `unknown command "server"; did you mean serve?`},
		"frobnicate":                       {exitcode.Usage, `unknown command "frobnicate"; cri-logshim --help shows all`},
		"--frobnicate":                     {exitcode.Usage, "unknown flag: --frobnicate; cri-logshim --help shows all"},
		"check-config --lisen unix:///x":   {exitcode.Usage, "unknown flag: --lisen; did you mean --listen?"},
		"check-config --runtime unix:///x": {exitcode.Usage, "unknown flag: --runtime; did you mean --runtime-endpoint?"},
		"check-config -x":                  {exitcode.Usage, "unknown shorthand flag: 'x' in -x; cri-logshim check-config --help shows all"},
		"check-config new.yaml":            {exitcode.Usage, "takes no argument"},
		"check-config --config":            {exitcode.Usage, "needs an argument: --config"},
		"version -o table":                 {exitcode.Usage, `--output "table": must be text, json or yaml`},
		"version now":                      {exitcode.Usage, `"now"`},
		"explain":                          {exitcode.Usage, "explain takes one pod"},
		"explain web":                      {exitcode.Usage, `"web": must be namespace/pod`},
		"node instal":                      {exitcode.Usage, "did you mean install?"},
		"node install --wait soon":         {exitcode.Usage, `--wait "soon": must be a length of time, such as 90s or 5m`},
		"node install --dry-run=perhaps":   {exitcode.Usage, `--dry-run "perhaps": must be true or false`},
		"help nothing":                     {exitcode.Usage, "no help"},
		"completion bsh":                   {exitcode.Usage, "completion takes bash, "},
		"node status -o table":             {exitcode.Failed, "must be text"},
		"bypass status now":                {exitcode.Failed, "takes no argument"},
		"check-config --config /absent":    {exitcode.Failed, "--config: open /absent: no such file"},
		"explain a/b --runtime-endpoint unix:///absent": {exitcode.Unreachable, "there is no such socket"},
		"version": {exitcode.OK, ""},
		"node":    {exitcode.OK, ""},
		"":        {exitcode.OK, ""},
	} {
		t.Run(command, func(t *testing.T) {
			root := newRootCommand()
			root.SetOut(io.Discard)
			root.SetArgs(strings.Fields(command))
			err := root.ExecuteContext(t.Context())
			said := ""
			if err != nil {
				said = err.Error()
			}
			if got := exitcode.Of(err); got != want.code || !strings.Contains(said, want.says) || strings.Contains(said, "\n") {
				t.Errorf("exit code %d, want %d, saying %q, want %q", got, want.code, said, want.says)
			}
		})
	}
}

// What the help says of exit codes is what there is.
func TestHelpTellsExitCodes(t *testing.T) {
	root := newRootCommand()
	if !strings.Contains(root.Long, exitcode.Help()) {
		t.Errorf("the help is\n%s", root.Long)
	}
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range exitcode.Table() {
		if row := "| " + entry.Meaning + " |"; !strings.Contains(string(text), row) {
			t.Errorf("docs/operations.md has no row with %q", row)
		}
	}
}
