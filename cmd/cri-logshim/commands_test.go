package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// eachCommand calls check with every command that is ours.
func eachCommand(cmd *cobra.Command, check func(*cobra.Command)) {
	for _, below := range cmd.Commands() {
		if !slices.Contains([]string{"help", "completion"}, below.Name()) {
			check(below)
			eachCommand(below, check)
		}
	}
}

// Every command and every flag says what it is for, all in the same voice: a command in a
// sentence without its full stop that begins with a verb, a flag in one that begins in lower case.
func TestHelpHasOneVoice(t *testing.T) {
	eachCommand(newRootCommand(), func(cmd *cobra.Command) {
		short := cmd.Short
		if short == "" || strings.ToUpper(short[:1]) != short[:1] || strings.HasSuffix(short, ".") || strings.HasPrefix(short, "The ") || strings.Contains(short, "\n") {
			t.Errorf("%s: is explained as %q", cmd.CommandPath(), short)
		}
		if long := cmd.Long; long != "" && (strings.ToUpper(long[:1]) != long[:1] || !strings.HasSuffix(strings.TrimSpace(long), ".")) {
			t.Errorf("%s: the long help is no text of sentences: %q", cmd.CommandPath(), long)
		}
		for line := range strings.Lines(cmd.Long + "\n" + cmd.Example) {
			if len(line) > 110 {
				t.Errorf("%s: a line of the help is %d columns wide: %q", cmd.CommandPath(), len(line), line)
			}
		}
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			usage := strings.ReplaceAll(flag.Usage, "`", "")
			if flag.Name == "help" || flag.Hidden {
				return
			}
			begins := regexp.MustCompile(`^([a-z]|[A-Z]{2,})`)
			if !begins.MatchString(usage) || strings.HasSuffix(usage, ".") {
				t.Errorf("%s --%s: is explained as %q", cmd.CommandPath(), flag.Name, usage)
			}
			if takes := flag.Value.Type() != "bool"; takes && !strings.Contains(flag.Usage, "`") {
				t.Errorf("%s --%s: what it takes has no name in %q", cmd.CommandPath(), flag.Name, flag.Usage)
			}
		})
	})
}

// What prints something that a program might read has -o json. A new command either has it, or
// is written down here.
func TestStructuredOutput(t *testing.T) {
	without := []string{
		"serve", "node install", "node uninstall", "bypass on", "bypass off", // change something, and tell of it
		"generate man", "generate completions", // write files
	}
	eachCommand(newRootCommand(), func(cmd *cobra.Command) {
		name := strings.TrimPrefix(cmd.CommandPath(), "cri-logshim ")
		flag := cmd.Flags().Lookup("output")
		switch {
		case cmd.HasSubCommands():
		case slices.Contains(without, name):
			if flag != nil {
				t.Errorf("%s has --output, and is listed as if it had not", name)
			}
		case flag == nil || flag.Shorthand != "o" || !strings.Contains(flag.Usage, "json"):
			t.Errorf("%s has no --output that takes json", name)
		}
	})
}

// Nothing asks whoever has called it: a command in a script would wait forever. top takes keys,
// from a terminal.
func TestNothingReadsStdin(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		if file.Name() == "top.go" || filepath.Ext(file.Name()) != ".go" || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		text, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		seen++
		for _, way := range []string{"os.Stdin", "InOrStdin", "fmt.Scan", "term.ReadPassword"} {
			if strings.Contains(string(text), way) {
				t.Errorf("%s: reads stdin (%s)", file.Name(), way)
			}
		}
	}
	if seen < 10 {
		t.Errorf("%d files were looked at", seen)
	}
}
