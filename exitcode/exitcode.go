// Package exitcode is what programs of this repository exit with, in one table, and how an error
// carries its code up to main. It knows nothing of what has failed.
package exitcode

import (
	"errors"
	"fmt"
	"strings"
)

// Code is what a program exits with.
type Code int

// The codes.
const (
	OK Code = iota
	// Failed is for whatever has no code of its own.
	Failed
	// Usage is for a wrong command line.
	Usage
	// NotFound is for a pod, a container or a log that there is not.
	NotFound
	// Unreachable is for a daemon, a runtime or a server that does not answer.
	Unreachable
	// Partly is for work that was done but for some of it.
	Partly
	// Interrupted is what shells say of a program that SIGINT has ended.
	Interrupted Code = 130
)

// Entry is a code and what it means.
type Entry struct {
	Code    Code
	Meaning string
}

// Table are all codes, in their order.
func Table() []Entry {
	return []Entry{
		{OK, "all is done"},
		{Failed, "it has failed"},
		{Usage, "wrong usage: an unknown command or flag, or a value that it does not take"},
		{NotFound, "there is no such pod, container or log"},
		{Unreachable, "the daemon, the runtime or the server cannot be reached"},
		{Partly, "partly done: some logs could not be read, or some work could not be done"},
		{Interrupted, "interrupted by Ctrl-C"},
	}
}

// Help is the table as a help text shows it.
func Help() string {
	var text strings.Builder
	for _, entry := range Table() {
		fmt.Fprintf(&text, "  %3d  %s\n", entry.Code, entry.Meaning)
	}
	return text.String()
}

// ErrTold is that all that there is to say was said: main ends with the code that it bears and prints nothing.
var ErrTold = errors.New("told already")

// coded is an error that has a code.
type coded struct {
	error
	code Code
}

func (c coded) Unwrap() error { return c.error }

// With gives an error a code, instead of one that it has. An error that is nil stays so.
func With(code Code, err error) error {
	if err == nil {
		return nil
	}
	return coded{err, code}
}

// Usagef is an error of usage.
func Usagef(format string, values ...any) error {
	return coded{fmt.Errorf(format, values...), Usage}
}

// Of is the code of an error: OK if it is nil, and Failed if it has none.
func Of(err error) Code {
	if err == nil {
		return OK
	}
	if c, ok := errors.AsType[coded](err); ok {
		return c.code
	}
	return Failed
}
