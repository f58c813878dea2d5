// Command cri-logshim stands between kubelet and the container runtime,
// forwards every CRI call untouched, and keeps container logs in bounds.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/cri-logshim/cri-logshim/exitcode"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

// run carries out a command line and returns the exit code.
func run(args []string) int {
	root := newRootCommand()
	root.SetArgs(args)
	if err := root.ExecuteContext(context.Background()); err != nil {
		if told, ok := errors.AsType[exitError](err); ok {
			return told.code
		}
		printError(os.Stderr, err, journaled())
		return int(exitcode.Of(err))
	}
	return 0
}

// exitError ends a command with a code of its own, when all that there is to say was said.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }
