package admin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/cri-logshim/cri-logshim/terminal"
)

// Check is one thing that the daemon's health or readiness depends on.
type Check struct {
	// Name is a word that tells which, such as runtime; it is told to everybody.
	Name string
	// Run returns the reasons why it fails; none: it does not. They may name pods and files.
	Run func(context.Context) []string
}

// discretion makes of reasons what is told to those who ask at a path.
type discretion func(path string, reasons []string) []string

// frank tells all, since only root asks.
func frank(_ string, reasons []string) []string { return reasons }

// discreet tells how many reasons there are and not which.
func discreet(path string, reasons []string) []string {
	return []string{fmt.Sprintf("reasons: %d; %s?verbose on admin.listen names them", len(reasons), path)}
}

// checks answers whether all checks pass: ok, or 503 with a reason a line. With ?verbose it has a
// line for each check, as Kubernetes' own components have.
func checks(name string, all []Check, told discretion) http.HandlerFunc {
	path := "/" + name
	return func(w http.ResponseWriter, r *http.Request) {
		var reasons []string
		var lines strings.Builder
		for _, check := range all {
			failed := check.Run(r.Context())
			if len(failed) == 0 {
				fmt.Fprintf(&lines, "[+]%s ok\n", check.Name)
				continue
			}
			reasons = append(reasons, failed...)
			fmt.Fprintf(&lines, "[-]%s failed: %s\n", check.Name, terminal.Harmless(strings.Join(told(path, failed), "; ")))
		}
		code, text := http.StatusOK, "ok\n"
		if len(reasons) > 0 {
			code, text = http.StatusServiceUnavailable, inLines(told(path, reasons))
		}
		if r.URL.Query().Has("verbose") {
			text = lines.String() + name + " check " + verdict(len(reasons)) + "\n"
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(code)
		// Whoever has asked and gone away needs no answer.
		_, _ = io.WriteString(w, text)
	}
}

func verdict(reasons int) string {
	if reasons > 0 {
		return "failed"
	}
	return "passed"
}

// inLines has a reason a line. They have names of others in them, and are read on terminals.
func inLines(reasons []string) string {
	var text strings.Builder
	for _, reason := range reasons {
		text.WriteString(terminal.Harmless(reason) + "\n")
	}
	return text.String()
}
