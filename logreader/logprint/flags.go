package logprint

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/cri-logshim/cri-logshim/terminal"
)

// Flags are the flags of a command that shows lines.
type Flags struct {
	flags       *pflag.FlagSet
	contextFlag string
	output      string
	timestamps  bool
	prefix      bool
	textColors  bool

	patterns                []string
	invert, ignoreCase      bool
	before, after, contexts uint
	color                   *terminal.ColorFlags
}

// AddFlags adds the flags to those of a command.
func AddFlags(flags *pflag.FlagSet) *Flags { return addFlags(flags, "context") }

// AddPluginFlags adds the flags to those of a plugin of kubectl, whose --context names a cluster: what is
// --context elsewhere is --grep-context, and -C stays.
func AddPluginFlags(flags *pflag.FlagSet) *Flags { return addFlags(flags, "grep-context") }

func addFlags(flags *pflag.FlagSet, contextFlag string) *Flags {
	f := &Flags{flags: flags, contextFlag: contextFlag}
	flags.StringVarP(&f.output, "output", "o", string(Text), "output `format`: text, json (an object for each line) or raw (the text alone, byte for byte)")
	flags.BoolVar(&f.timestamps, "timestamps", false, "show the time of each line")
	flags.BoolVar(&f.prefix, "prefix", false, "show the pod and the container of each line")
	flags.StringArrayVar(&f.patterns, "grep", nil, "show only lines in which the `pattern` is found (RE2); if given more than once, any of them")
	flags.BoolVarP(&f.invert, "invert-match", "v", false, "show the lines in which no pattern is found")
	flags.BoolVarP(&f.ignoreCase, "ignore-case", "i", false, "let patterns take no notice of case")
	flags.UintVarP(&f.after, "after-context", "A", 0, "show the `number` of lines after each that is found, too")
	flags.UintVarP(&f.before, "before-context", "B", 0, "show the `number` of lines before each that is found, too")
	flags.UintVarP(&f.contexts, contextFlag, "C", 0, "show the `number` of lines before and after each that is found, too")
	flags.BoolVar(&f.textColors, "text-colors", false, "let colours in the text of logs through to a terminal")
	f.color = terminal.AddColorFlags(flags)
	return f
}

// Options are what the flags ask for where the output is w. An error is one of usage.
func (f *Flags) Options(w io.Writer, getenv func(string) string) (Options, error) {
	color, err := f.color.Color(w, getenv)
	if err != nil {
		return Options{}, err
	}
	o := Options{
		Format: Format(f.output), Timestamps: f.timestamps, Prefix: f.prefix,
		Terminal: terminal.Is(w), Color: color, TextColors: f.textColors,
	}
	if o.Search, err = f.search(); err != nil {
		return Options{}, err
	}
	switch o.Format {
	case Text, JSON:
	case Raw:
		if o.Timestamps || o.Prefix {
			return Options{}, errors.New("--output raw shows the text alone: leave out --timestamps and --prefix, or use --output text")
		}
	default:
		return Options{}, fmt.Errorf("--output %q: must be text, json or raw", f.output)
	}
	return o, nil
}

// search is what the flags look for.
func (f *Flags) search() (*Search, error) {
	if !f.flags.Changed("grep") {
		for _, name := range []string{"invert-match", "ignore-case", "after-context", "before-context", f.contextFlag} {
			if f.flags.Changed(name) {
				return nil, fmt.Errorf("--%s needs a pattern: give one with --grep", name)
			}
		}
		return nil, nil //nolint:nilnil // nothing is looked for, and nothing is wrong
	}
	s := &Search{Invert: f.invert, Context: f.context()}
	for _, expression := range f.patterns {
		pattern, err := Compile(expression, f.ignoreCase)
		if err != nil {
			return nil, fmt.Errorf("--grep: %w", err)
		}
		s.Patterns = append(s.Patterns, pattern)
	}
	return s, nil
}

// context is nil where no flag asks for any. As in grep, -A and -B come before -C.
func (f *Flags) context() *Context {
	c := Context{Before: number(f.contexts), After: number(f.contexts)}
	before, after := f.flags.Changed("before-context"), f.flags.Changed("after-context")
	if before {
		c.Before = number(f.before)
	}
	if after {
		c.After = number(f.after)
	}
	if !before && !after && !f.flags.Changed(f.contextFlag) {
		return nil
	}
	return &c
}

// number is n as an int, or as many as nobody has.
func number(n uint) int { return int(min(n, 1<<30)) }
