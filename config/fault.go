package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Fault is one thing that is wrong with a configuration. An error of Parse and
// Validate joins one Fault for each; errors.As finds the first.
type Fault struct {
	// File is the name of the file; empty where the configuration is from
	// elsewhere.
	File string
	// Line counts from 1; 0 where the fault has no line of its own.
	Line int
	// Path is the setting, such as rotation.maxFiles; empty where the fault is
	// of the file as a whole.
	Path string
	// Message says what is wrong and what is allowed.
	Message string
}

// Error returns "file:line: path: message" without the parts that are empty.
func (f Fault) Error() string {
	where := f.File
	if f.Line > 0 {
		where += ":" + strconv.Itoa(f.Line)
	}
	text := f.Message
	if f.Path != "" {
		text = f.Path + ": " + text
	}
	if where != "" {
		text = where + ": " + text
	}
	return text
}

// unitHint begins what a message of a size goes on with that may lack its unit.
const unitHint = " (bytes); did you mean "

// writtenAs leaves out the hint at a forgotten unit where the text has one.
func (f Fault) writtenAs(text string) Fault {
	if strings.Trim(text, "0123456789") != "" {
		f.Message, _, _ = strings.Cut(f.Message, unitHint)
	}
	return f
}

// faultFunc notes a fault of the setting at path.
type faultFunc func(path, format string, args ...any)

// faults is what was found wrong so far.
type faults []Fault

func (fs *faults) add(path, format string, args ...any) {
	*fs = append(*fs, Fault{Path: path, Message: fmt.Sprintf(format, args...)})
}

// join returns the faults in the order of their lines as one error, nil where
// there are none.
func (fs faults) join() error {
	slices.SortStableFunc(fs, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	errs := make([]error, 0, len(fs))
	for _, f := range fs {
		errs = append(errs, f)
	}
	return errors.Join(errs...)
}
