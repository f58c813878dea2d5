package manpage

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"
)

// tree is a program whose help has all that roff takes for something else.
func tree() *cobra.Command {
	root := &cobra.Command{
		Use: "tool", Short: "A tool\\that is 'odd'", Long: ".SH no headline\n'br no break\nof -- \"two\" lines\\fB, not bold.\n\nAnother\nparagraph:\n  .nf  a  table\n   b\nand text…",
		Example: "  # One\n  tool do --it '.x'\n\n    deeper\\n",
	}
	below := &cobra.Command{Use: "do [what]", Short: "Do it", Run: func(*cobra.Command, []string) {}}
	below.Flags().StringP("file", "f", "/etc/x.yaml", ".file with `a-name` of \\its")
	below.Flags().Bool("all", false, "do all")
	below.Flags().Int("secret", 1, "not shown")
	if err := below.Flags().MarkHidden("secret"); err != nil {
		panic(err)
	}
	root.PersistentFlags().Duration("wait", 0, "how `long`")
	hidden := &cobra.Command{Use: "hidden", Short: "Not shown", Hidden: true, Run: below.Run}
	root.AddCommand(below, hidden)
	return root
}

func written(t *testing.T, cmd *cobra.Command, sections ...Section) string {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, cmd, sections...); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// shown is what man shows of a page. groff must find nothing to warn of.
func shown(t *testing.T, page string) string {
	t.Helper()
	if _, err := exec.LookPath("groff"); err != nil {
		notRun(t, "how man shows manual pages: there is no groff")
	}
	cmd := exec.CommandContext(t.Context(), "groff", "-man", "-ww", "-Tutf8", "-P-cbou", "-rLL=200n", "-")
	cmd.Stdin = strings.NewReader(page)
	var out, warnings bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &warnings
	if err := cmd.Run(); err != nil || warnings.Len() > 0 {
		t.Errorf("groff: %v\n%s\nof\n%s", err, &warnings, page)
	}
	return out.String()
}

// notRun skips a test and writes that down for tools/test.sh, which installs groff as root.
func notRun(t *testing.T, why string) {
	t.Helper()
	if path := os.Getenv("CRI_LOGSHIM_NOT_RUN_FILE"); path != "" {
		file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = file.WriteString(why + "\n")
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
	}
	t.Skip(why)
}

// A page shows what the help says, character by character.
func TestPageShowsTheHelp(t *testing.T) {
	root := tree()
	text := shown(t, written(t, root, Section{"Exit status", "Codes:\n    0  good\n    1  bad"}))
	for _, want := range []string{
		"TOOL(1)", "tool - a tool\\that is 'odd'", "tool command [flags]",
		`.SH no headline 'br no break of -- "two" lines\fB, not bold.`, "Another paragraph:", "  .nf  a  table\n", "and text…",
		"tool-do(1)", "Do it.", "# One\n", "tool do --it '.x'\n", "  deeper\\n\n", "EXIT STATUS", "  0  good\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the page:\n%s", want, text)
		}
	}
	if strings.Contains(text, "idden") {
		t.Errorf("what is hidden is shown:\n%s", text)
	}
	below := root.Commands()[0]
	text = shown(t, written(t, below))
	for _, want := range []string{
		"TOOL-DO(1)", "tool do [what] [flags]", "-f, --file a-name", ".file with a-name of \\its; the default is /etc/x.yaml.", "--all", "Do all.", "How long.", "SEE ALSO", "tool(1)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the page:\n%s", want, text)
		}
	}
	if strings.Contains(text, "secret") || strings.Contains(text, "default is false") {
		t.Errorf("too much is shown:\n%s", text)
	}
}

// The same help gives the same page at any time, and a page is ASCII, whatever the help is.
func TestPageIsDeterministic(t *testing.T) {
	first := written(t, tree())
	if again := written(t, tree()); again != first {
		t.Errorf("once it is\n%s, then\n%s", first, again)
	}
	if at := strings.IndexFunc(first, func(c rune) bool { return c > unicode.MaxASCII }); at >= 0 {
		t.Errorf("no ASCII: %q", first[at:])
	}
}

func TestCommands(t *testing.T) {
	var names []string
	for _, cmd := range Commands(tree()) {
		names = append(names, Name(cmd))
	}
	if got := strings.Join(names, " "); got != "tool tool-do" {
		t.Errorf("the pages are %s", got)
	}
}

// Whatever the help says, no line of it becomes a request of roff.
func FuzzText(f *testing.F) {
	f.Add(".TH x\n'so /etc/passwd\n\n \\.x\n.")
	f.Fuzz(func(t *testing.T, text string) {
		page := &page{}
		page.text(text)
		page.literal(text)
		for line := range strings.Lines(page.out.String()) {
			request := strings.TrimSpace(line)
			if (strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'")) && request != ".nf" && request != ".fi" && request != ".PP" {
				t.Fatalf("%q has the line %q", text, line)
			}
		}
	})
}
