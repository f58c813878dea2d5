// Package manpage writes the manual page (man(7)) of each command of a program from what its help
// says, the same bytes for the same help.
//
// It knows nothing of what the commands do.
package manpage

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Section is a part of a page that the help of a command does not have.
type Section struct {
	Title string
	// Text are paragraphs with empty lines between them; those that are indented stay as they are.
	Text string
}

// Name is the name of a command's page, and with ".1" behind it that of its file.
func Name(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// Commands are a command and all below it that the help shows, each before those below it.
func Commands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, below := range cmd.Commands() {
		if below.IsAvailableCommand() && below.Name() != "help" {
			all = append(all, Commands(below)...)
		}
	}
	return all
}

// Write writes the page of a command. The sections stand before the one about other pages.
func Write(w io.Writer, cmd *cobra.Command, sections ...Section) error {
	cmd.InitDefaultHelpFlag()
	p := &page{}
	name := Name(cmd)
	p.line(`.\" Made from the help of the program.`)
	p.line(`.TH "` + escape(strings.ToUpper(name)) + `" "1" "" "` + escape(cmd.Root().Name()) + `" "User commands"`)
	p.line(".nh") // a name that was cut could not be copied
	p.line(".ad l")
	p.section("Name")
	p.line(escape(name) + ` \- ` + escape(lower(cmd.Short)))
	p.synopsis(cmd)
	if cmd.Long != "" {
		p.section("Description")
		p.text(cmd.Long)
	}
	p.flags("Options", cmd.NonInheritedFlags())
	p.flags("Options of all commands of the group", cmd.InheritedFlags())
	p.commands(cmd)
	if cmd.Example != "" {
		p.section("Examples")
		p.literal(outdent(cmd.Example))
	}
	for _, section := range sections {
		p.section(section.Title)
		p.text(section.Text)
	}
	p.seeAlso(cmd)
	_, err := io.WriteString(w, p.out.String())
	return err
}

// page is what is written of a page so far.
type page struct{ out strings.Builder }

func (p *page) line(line string) { p.out.WriteString(line + "\n") }

func (p *page) section(title string) { p.line(".SH " + escape(strings.ToUpper(title))) }

func (p *page) synopsis(cmd *cobra.Command) {
	p.section("Synopsis")
	if cmd.Runnable() && !cmd.HasAvailableSubCommands() {
		path := cmd.CommandPath()
		p.line(bold(path) + escape(strings.TrimPrefix(cmd.UseLine(), path)))
	} else {
		p.line(bold(cmd.CommandPath()) + escape(" command [flags]"))
	}
}

func (p *page) flags(title string, flags *pflag.FlagSet) {
	first := true
	flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden || flag.Deprecated != "" {
			return
		}
		if first {
			p.section(title)
			first = false
		}
		value, usage := pflag.UnquoteUsage(flag)
		names := bold("--" + flag.Name)
		if flag.Shorthand != "" {
			names = bold("-"+flag.Shorthand) + ", " + names
		}
		if value != "" {
			names += " " + italic(value)
		}
		p.line(".TP")
		p.line(names)
		if given := flag.DefValue; given != "" && given != "false" && given != "0" && given != "0s" && given != "[]" {
			usage += "; the default is " + given
		}
		p.line(escape(upper(usage)) + ".")
	})
}

func (p *page) commands(cmd *cobra.Command) {
	below := Commands(cmd)
	if len(below) == 1 {
		return
	}
	p.section("Commands")
	for _, one := range below[1:] {
		if one.Parent() == cmd {
			p.line(".TP")
			p.line(reference(one))
			p.line(escape(one.Short) + ".")
		}
	}
}

// seeAlso names the pages of the commands around this one.
func (p *page) seeAlso(cmd *cobra.Command) {
	var pages []string
	for parent := cmd.Parent(); parent != nil; parent = parent.Parent() {
		pages = append([]string{reference(parent)}, pages...)
	}
	for _, one := range Commands(cmd)[1:] {
		pages = append(pages, reference(one))
	}
	if len(pages) > 0 {
		p.section("See also")
		p.line(strings.Join(pages, ",\n"))
	}
}

func reference(cmd *cobra.Command) string { return bold(Name(cmd)) + "(1)" }

// text writes paragraphs.
func (p *page) text(text string) {
	for n, paragraph := range paragraphs(text) {
		if n > 0 {
			p.line(".PP")
		}
		if strings.HasPrefix(paragraph, " ") {
			p.literal(paragraph)
		} else {
			p.line(escape(strings.ReplaceAll(paragraph, "\n", " ")))
		}
	}
}

// literal writes text as it stands.
func (p *page) literal(text string) {
	p.line(".nf")
	for line := range strings.Lines(text) {
		p.line(escape(strings.TrimRight(line, "\n")))
	}
	p.line(".fi")
}

// paragraphs parts text at empty lines, and where indented lines begin.
func paragraphs(text string) []string {
	var all []string
	begins, indented := true, false
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		line = strings.ReplaceAll(strings.TrimRight(line, "\n\t "), "\t", "    ")
		if line == "" {
			begins = true
			continue
		}
		if is := strings.HasPrefix(line, " "); begins || is != indented {
			all, indented, begins = append(all, line), is, false
			continue
		}
		all[len(all)-1] += "\n" + line
	}
	return all
}

// outdent takes as many blanks off each line as all have.
func outdent(text string) string {
	least := len(text)
	for line := range strings.Lines(text) {
		if trimmed := strings.TrimLeft(line, " "); strings.TrimSpace(line) != "" {
			least = min(least, len(line)-len(trimmed))
		}
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString(line[min(least, len(line)-len(strings.TrimLeft(line, " "))):])
	}
	return out.String()
}

// lower begins a sentence as the continuation of another, unless it begins with a name.
func lower(sentence string) string {
	if len(sentence) < 2 || sentence[1] < 'a' || sentence[1] > 'z' {
		if len(sentence) > 1 && sentence[1] == ' ' {
			return strings.ToLower(sentence[:1]) + sentence[1:]
		}
		return sentence
	}
	return strings.ToLower(sentence[:1]) + sentence[1:]
}

// upper begins a sentence with what is no sentence.
func upper(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

func bold(text string) string   { return `\fB` + escape(text) + `\fR` }
func italic(text string) string { return `\fI` + escape(text) + `\fR` }

// escape has text stand for itself, wherever in a line it comes.
func escape(text string) string {
	var out strings.Builder
	for at, char := range text {
		switch {
		case char == '\\':
			out.WriteString(`\e`)
		case char == '-':
			out.WriteString(`\-`) // else a hyphen, which no shell knows
		case char == '\'':
			out.WriteString(`\(aq`)
		case char == '`':
			out.WriteString(`\(ga`)
		case char == '^':
			out.WriteString(`\(ha`)
		case char == '~':
			out.WriteString(`\(ti`)
		case char == '"':
			out.WriteString(`\(dq`)
		case char == '.' && at == 0:
			out.WriteString(`\&.`)
		case char > '~':
			fmt.Fprintf(&out, `\[u%04X]`, char)
		default:
			out.WriteRune(char)
		}
	}
	return out.String()
}
