package testbed

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Programs are this repository's own, built for one run of the tests.
type Programs struct {
	Shim      string // cri-logshim
	Plugin    string // kubectl-logshim, beside it
	SeqWriter string // static
	ShimNice  int    // niceness that the shim is started with, above that of the caller; the unit sets -10
	cell      string // static
	strike    string // static
	nest      string // static
	probe     string // static
}

// Build builds the programs into a folder.
func Build(ctx context.Context, folder string) (Programs, error) {
	p := Programs{
		Shim:      filepath.Join(folder, "cri-logshim"),
		Plugin:    filepath.Join(folder, "kubectl-logshim"),
		SeqWriter: filepath.Join(folder, "seqwriter"),
		cell:      filepath.Join(folder, "cell"),
		strike:    filepath.Join(folder, "strike"),
		nest:      filepath.Join(folder, "nest"),
		probe:     filepath.Join(folder, "probe"),
	}
	nested, err := goCommand(ctx, ".", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return Programs{}, err
	}
	for module, packages := range map[string][]string{ // each program has the name of its package
		filepath.Join(nested, "..", ".."): {"./cmd/cri-logshim", "./cmd/kubectl-logshim"},
		nested:                            {"./seqwriter", "./testbed/cell", "./testbed/strike", "./testbed/nest", "./testbed/probe"},
	} {
		build := append([]string{"build", "-buildvcs=false", "-o", folder + "/"}, packages...)
		if _, err := goCommand(ctx, module, build...); err != nil {
			return Programs{}, err
		}
	}
	return p, nil
}

// goCommand runs the go command in a folder and returns what it prints.
func goCommand(ctx context.Context, folder string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
