// Command strike runs a program and kills it, with SIGKILL, exactly at a step: as a
// system call on a file of some name begins, so that it never takes effect, or as it
// ends, so that it has taken effect and its caller never learns of it.
//
//	strike [flags] <call>=<name>... -- <program> [argument...]
//
// Each <call>=<name> is a step: a system call, as calls.go names them, on a file whose
// last path element, or whose whole path if the name has a slash, matches the pattern of
// package path. The program is killed at the last of the steps, once those before it have been seen to end well in their order. A
// descriptor's name is what /proc says of it, so a socket's is "socket:[1234]".
//
// The program needs no hook for this: a seccomp filter stops it in the calls that are
// asked for, and in no other, and a second process looks at it then with ptrace. The
// program keeps the process id with which strike was started, and its parent.
//
//	strike -clock <file> -- <program> [argument...]
//
// shows the program another time of day, see clock.go, and kills nothing.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "strike:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	after   bool   // kill when the call has taken effect
	nth     int    // of the calls that match the last step
	record  bool   // kill never, report each call on a file below under
	under   string // files elsewhere match no step; sockets always may
	report  string // file that gets a line "<call> <path>" for the call that killed
	clock   string // file that says how wrong the program's clock is; empty: it is right
	tracee  int    // process id; 0: be the one that is traced
	steps   []step
	program []string
}

// step is a system call on a file.
type step struct {
	call    string
	pattern string // of the file's path, or of its last element
}

func (s step) matches(call, file string) bool {
	if !strings.Contains(s.pattern, "/") {
		file = path.Base(file)
	}
	ok, err := path.Match(s.pattern, file)
	return ok && err == nil && s.call == call
}

func run(args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.tracee != 0 {
		return trace(o)
	}
	return launch(o, args)
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("strike", flag.ContinueOnError)
	flags.BoolVar(&o.after, "after", false, "kill when the call has taken effect, not as it begins")
	flags.IntVar(&o.nth, "nth", 1, "kill at the n-th call that matches the last step")
	flags.BoolVar(&o.record, "record", false, "kill never, but report every call of the steps' on a file")
	flags.StringVar(&o.under, "under", "/", "the folder below which a file must lie")
	flags.StringVar(&o.report, "report", os.DevNull, "the file that gets what was found")
	flags.StringVar(&o.clock, "clock", "", "the file that says by how many seconds the program's clock is wrong")
	flags.IntVar(&o.tracee, "tracee", 0, "for strike itself: the process to watch")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	end := slices.Index(args, "--")
	if end < 0 || end+1 == len(args) {
		return o, errors.New("no program is given after --")
	}
	o.program = args[end+1:]
	// The flag package has taken the -- with it if nothing stands between.
	given := flags.Args()
	for _, text := range given[:max(0, len(given)-len(o.program)-1)] {
		call, pattern, ok := strings.Cut(text, "=")
		if _, err := path.Match(pattern, ""); !ok || err != nil || len(numbersOf(call)) == 0 {
			return o, fmt.Errorf("%q is not the name of a call, = and a pattern", text)
		}
		o.steps = append(o.steps, step{call: call, pattern: pattern})
	}
	if len(o.steps) == 0 && o.clock == "" {
		return o, errors.New("no step is given")
	}
	return o, nil
}
