// Command cri-logshim stands between kubelet and the container runtime,
// forwards every CRI call untouched, and keeps container logs in bounds.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

// run carries out a command line and returns the exit code.
func run(args []string) int {
	root := newRootCommand()
	root.SetArgs(args)
	if err := root.ExecuteContext(context.Background()); err != nil {
		printError(os.Stderr, err, journaled())
		return 1
	}
	return 0
}
