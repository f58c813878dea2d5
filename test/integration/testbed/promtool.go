package testbed

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Promtool runs Prometheus' promtool with arguments and on an input, and gives what it has printed.
// That it finds a fault in what it checks is an error.
func Promtool(ctx context.Context, input string, args ...string) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	program := filepath.Join(cache, "tools", "promtool")
	if _, err := os.Stat(program); err != nil {
		return "", fmt.Errorf("promtool is not set up, run hack/setup.sh: %w", err)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin = strings.NewReader(input)
	output, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("promtool %s: %w\n%s", strings.Join(args, " "), err, output)
	}
	return string(output), nil
}
