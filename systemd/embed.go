// Package systemd holds the files that are installed beside the binary: the units, what they
// run beside it, and the configuration with all its defaults. They are part of the binary, so that it can put them
// in place by itself.
package systemd

import "embed"

// ConfigFile is the default configuration among Files.
const ConfigFile = "config.yaml"

// Files are services, sockets and scripts by their names, and ConfigFile.
//
//go:embed *.s* config.yaml
var Files embed.FS
