// Command kubectl-logshim is a plugin of kubectl that shows all logs of a container, rotated, compressed
// and kept ones too, from an operator's desk.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	_ "k8s.io/client-go/plugin/pkg/client/auth/oidc" // so that kubeconfig files work as with kubectl

	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/terminal"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run carries out a command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return int(exitcode.OK)
	}
	if errors.Is(err, exitcode.ErrTold) {
		return int(exitcode.Of(err))
	}
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSuffix(line, "\n")
		if terminal.Is(stderr) {
			line = terminal.Harmless(line) // it may hold names of others
		}
		fmt.Fprintln(stderr, line)
	}
	return int(exitcode.Of(err))
}
