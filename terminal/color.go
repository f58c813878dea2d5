package terminal

import (
	"fmt"
	"io"

	"github.com/spf13/pflag"
)

// ColorFlags are the flags that say whether output is coloured.
type ColorFlags struct {
	when string
	none bool
}

// AddColorFlags adds --color and --no-color.
func AddColorFlags(flags *pflag.FlagSet) *ColorFlags {
	f := &ColorFlags{}
	flags.StringVar(&f.when, "color", "auto", "`when` to colour the output: auto (on a terminal, unless NO_COLOR is set), always or never")
	flags.BoolVar(&f.none, "no-color", false, "colour nothing, as --color never")
	return f
}

// Color tells whether w is to be coloured. A flag comes before the environment, where NO_COLOR
// (https://no-color.org) and a TERM that is dumb speak against it.
func (f *ColorFlags) Color(w io.Writer, getenv func(string) string) (bool, error) {
	switch f.when {
	case "always":
		if f.none {
			return false, fmt.Errorf("--color %s and --no-color contradict each other: give one of them", f.when)
		}
		return true, nil
	case "never":
		return false, nil
	case "auto":
		return !f.none && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb" && Is(w), nil
	default:
		return false, fmt.Errorf("--color %q: must be auto, always or never", f.when)
	}
}
