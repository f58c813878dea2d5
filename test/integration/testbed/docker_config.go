package testbed

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// dockerTools are what Docker and dockershim are made of.
type dockerTools struct {
	dockerd    string
	libraries  string // a folder with those that dockerd has for itself
	containerd string // a folder
	runc       string
	busybox    string // static
	dockershim string
}

// findDocker finds them in the cache.
func findDocker() (dockerTools, error) {
	cache, err := cacheDir()
	if err != nil {
		return dockerTools{}, err
	}
	below, err := Installed(Oldest) // of the line that Docker 20.10 goes with
	if err != nil {
		return dockerTools{}, err
	}
	t := dockerTools{
		dockerd:    filepath.Join(cache, "docker", "dockerd"),
		libraries:  filepath.Join(cache, "docker"),
		containerd: below.Folder,
		runc:       below.Runc,
		busybox:    below.Busybox,
		dockershim: filepath.Join(cache, "dockershim", "dockershim"),
	}
	for _, file := range []string{t.dockerd, t.dockershim} {
		if _, err := os.Stat(file); err != nil {
			return dockerTools{}, fmt.Errorf("docker is not set up, run hack/setup.sh: %w", err)
		}
	}
	return t, nil
}

// environment is what dockerd is started with. It takes containerd and runc from the search
// path; and in what calls itself a container it loads no AppArmor profile into the kernel.
func (t dockerTools) environment() []string {
	return []string{
		"PATH=" + t.containerd + ":" + filepath.Dir(t.runc) + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LD_LIBRARY_PATH=" + t.libraries,
		"container=testbed",
	}
}

// runcWrapper is a program that runs runc. Before runc makes a container it is to give it no
// better place before the kernel's OOM killer than we have, since that takes
// CAP_SYS_RESOURCE: dockershim wants it for the containers that stand for pods, and has no
// setting for it.
func runcWrapper(runc string) string {
	return `#!/bin/sh
before=
for argument; do
	[ "$before" != --bundle ] || sed -i 's/"oomScoreAdj":-[0-9]*/"oomScoreAdj":0/' "$argument/config.json" || exit
	before=$argument
done
exec '` + runc + `' "$@"
`
}

func (d *Docker) runc() string       { return filepath.Join(d.dir, "runc") }
func (d *Docker) configFile() string { return filepath.Join(d.dir, "daemon.json") }

// flags are what no Start changes. Nothing outside the folder is written but below /run, as
// the folder of plugins and the sockets of containerd's shims, and /run is the cell's own: no
// firewall rule, no bridge and no kernel setting is made.
func (d *Docker) flags() []string {
	return []string{
		"--config-file=" + d.configFile(), "--host=unix://" + d.socket(), "--pidfile=" + filepath.Join(d.dir, "docker.pid"),
		"--exec-root=" + filepath.Join(d.dir, "exec"),
		"--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false", "--bridge=none",
		"--storage-driver=overlay2", "--exec-opt=native.cgroupdriver=cgroupfs", "--cgroup-parent=" + d.cgroup, "--oom-score-adjust=0",
	}
}

// config is the daemon.json of the next Start.
func (d *Docker) config() ([]byte, error) {
	const runtime = "wrapped"
	settings := map[string]any{
		"data-root":           d.DataRoot(),
		"deprecated-key-path": filepath.Join(d.dir, "key.json"), // otherwise below /etc
		"live-restore":        !d.Options.DiesWithContainers,
		"runtimes":            map[string]any{runtime: map[string]any{"path": d.runc()}},
		"default-runtime":     runtime,
		"log-driver":          cmp.Or(d.Options.LogDriver, "json-file"),
	}
	if len(d.Options.LogOptions) > 0 {
		settings["log-opts"] = d.Options.LogOptions
	}
	text, err := json.MarshalIndent(settings, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the configuration of dockerd: %w", err)
	}
	return text, nil
}
