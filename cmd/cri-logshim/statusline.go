package main

import (
	"fmt"
	"strings"
	"time"
)

// statusPause is how often the line of "systemctl status" is looked after.
const statusPause = 5 * time.Second

// statusLine is what "systemctl status" shows: what is served, how many logs are managed,
// and what is wrong.
func (d *daemon) statusLine() string {
	line := fmt.Sprintf("Serving %s for %s, logs managed: %d", d.config.Listen, d.config.RuntimeEndpoint, d.logs.Status().Logs)
	reasons := d.trouble()
	if len(reasons) > 0 {
		line += "; " + reasons[0]
	}
	if more := len(reasons) - 1; more > 0 {
		line += fmt.Sprintf("; and %d more", more)
	}
	return strings.ReplaceAll(line, "\n", " ") // a new line would begin another notice
}
