package main

import (
	"context"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/cri-logshim/cri-logshim/bypass"
	"github.com/cri-logshim/cri-logshim/config"
)

// withoutConfig is what is gone by where the configuration is invalid, and where it is from:
// what the daemon that served last has left, else the lines of the file that name endpoints,
// however wrong the rest of it is, else the defaults. The script that does without this
// program goes by the same (systemd/bypass.sh).
func (o *options) withoutConfig() (c config.Configuration, from string) {
	text, err := config.Read(o.configPath)
	if err != nil {
		text = nil // which is the fault that has led here
	}
	c, anyLine := linesOver(withRuntime(config.Default()), text)
	listen := c.Listen
	if o.given("listen") {
		listen = o.listen
	}
	last, err := bypass.Last(filepath.Dir(pathOf(listen)))
	switch {
	case err == nil:
		c.KubeletEndpoint, c.Listen, c.RuntimeEndpoint = "unix://"+last.Link, "unix://"+last.Shim, "unix://"+last.Runtime
		return c, "what the daemon that served last has left"
	case anyLine:
		return c, "what its lines say of endpoints and mode, by the defaults"
	}
	return c, "the defaults"
}

// withRuntime is a configuration with the endpoint of the first runtime that has a socket
// where it has it by default, if any has.
func withRuntime(c config.Configuration) config.Configuration {
	for _, path := range []string{"/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/cri-dockerd.sock"} {
		if info, err := os.Stat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
			c.RuntimeEndpoint = "unix://" + path
			return c
		}
	}
	return c
}

// linesOver takes from a text, which need not be YAML, what lines of it say of where kubelet
// is led, unless that is wrong itself.
func linesOver(c config.Configuration, text []byte) (_ config.Configuration, isAny bool) {
	const endpoint = `(unix:///[^"'#\n]*[^"'#\s])`
	for _, line := range []struct {
		key, value string
		set        func(c *config.Configuration, value string)
	}{
		{"listen", endpoint, func(c *config.Configuration, value string) { c.Listen = value }},
		{"runtimeEndpoint", endpoint, func(c *config.Configuration, value string) { c.RuntimeEndpoint = value }},
		{"kubeletEndpoint", endpoint + `|["']{2}`, func(c *config.Configuration, value string) { c.KubeletEndpoint = value }},
		{"mode", `(\w+)`, func(c *config.Configuration, value string) { c.Mode = config.Mode(value) }},
	} {
		found := regexp.MustCompile(`(?m)^` + line.key + `:[ \t]*["']?(?:` + line.value + `)`).FindSubmatch(text)
		if found == nil {
			continue
		}
		next := c
		line.set(&next, string(found[1]))
		if next.Validate() == nil {
			c, isAny = next, true
		}
	}
	return c, isAny
}

// listens is nil if somebody listens at a socket.
func listens(ctx context.Context, path string) error {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", path)
	if err != nil {
		return err
	}
	return conn.Close()
}
