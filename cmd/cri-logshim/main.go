// Command cri-logshim stands between kubelet and the container runtime,
// forwards every CRI call untouched, and keeps container logs in bounds.
package main

import (
	"context"
	"errors"
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
		if !errors.Is(err, exitcode.ErrTold) {
			printError(os.Stderr, err, journaled())
		}
		return int(exitcode.Of(err))
	}
	return 0
}
