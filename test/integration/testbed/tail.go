package testbed

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// tail is the end of a file for a message, or why there is none.
func tail(file string) string {
	const most = 8 << 10
	content, err := os.ReadFile(file)
	if err != nil {
		return fmt.Sprintf("(%v)", err)
	}
	if cut := len(content) - most; cut > 0 {
		_, content, _ = bytes.Cut(content[cut:], []byte("\n"))
	}
	return string(content)
}

// linesWith are the lines of a file that have a text in them.
func linesWith(file, text string) ([]string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("look for %q: %w", text, err)
	}
	var found []string
	for line := range strings.Lines(string(content)) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found, nil
}
