package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cri-logshim/cri-logshim/config"
)

// statusPause is how often the line of "systemctl status" is looked after.
const statusPause = 5 * time.Second

// purpose is what the daemon is there for in its mode.
func (d *daemon) purpose() string {
	if d.config.Mode == config.ModeProxy {
		return "Serving " + d.config.Listen + " for " + d.config.RuntimeEndpoint
	}
	return fmt.Sprintf("Beside kubelet (mode %s) at %s", d.config.Mode, d.config.RuntimeEndpoint)
}

// statusLine is what "systemctl status" shows: what is served, how many logs are managed,
// and what is wrong.
func (d *daemon) statusLine(ctx context.Context) string {
	status := d.logs.Status()
	line := fmt.Sprintf("%s, logs managed: %d", d.purpose(), status.Logs)
	if n := len(status.Elsewhere); n > 0 {
		line += fmt.Sprintf(", the runtime's own: %d", n)
	}
	reasons := d.trouble(ctx)
	if len(reasons) > 0 {
		line += "; " + reasons[0]
	}
	if more := len(reasons) - 1; more > 0 {
		line += fmt.Sprintf("; and %d more", more)
	}
	return strings.ReplaceAll(line, "\n", " ") // a new line would begin another notice
}
