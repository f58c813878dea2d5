package testbed

import (
	"bytes"
	"fmt"
	"os"
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
