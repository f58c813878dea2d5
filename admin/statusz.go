package admin

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"time"
)

// About is what the program says of itself.
type About struct {
	Program string
	Version string
	Mode    string
	Started time.Time
}

// statusz answers who serves here, since when, and what can be asked for, as /statusz of
// Kubernetes' components does. It is for people: whoever writes a program asks the API.
func statusz(about About, served *routes) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		var text strings.Builder
		fmt.Fprintf(&text, "%s statusz\nThis page is for people: its form may change at any time. Programs ask the API (/openapi.yaml).\n\n", about.Program)
		for _, line := range [][2]string{
			{"Started", about.Started.UTC().Format(time.RFC3339)},
			{"Up", uptime(time.Since(about.Started))},
			{"Go version", runtime.Version()},
			{"Binary version", about.Version},
			{"Mode", about.Mode},
			{"Paths", strings.Join(served.paths, " ")},
		} {
			fmt.Fprintf(&text, "%s: %s\n", line[0], line[1])
		}
		// Whoever has asked and gone away needs no answer.
		_, _ = io.WriteString(w, text.String())
	}
}

// uptime is a length of time as Kubernetes' components write it: "26 hr 03 min 09 sec".
func uptime(up time.Duration) string {
	up = max(up, 0).Truncate(time.Second) // a clock that was set back makes nobody younger than new
	return fmt.Sprintf("%d hr %02d min %02d sec", up/time.Hour, up%time.Hour/time.Minute, up%time.Minute/time.Second)
}
