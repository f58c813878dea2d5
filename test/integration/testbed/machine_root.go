package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// machineCache is where a Machine sees the cache of hack/setup.sh.
const machineCache = "/opt/testbed"

// furnish makes the root of the machine.
func (m *Machine) furnish(ctx context.Context, install Install, o MachineOptions) error {
	for _, folder := range []string{"etc", "opt", "root", "run", "tmp", "usr", "var/cache", "var/lib", "var/log", "var/spool", "var/tmp"} {
		if err := os.MkdirAll(filepath.Join(m.root(), folder), 0o755); err != nil {
			return fmt.Errorf("make a root: %w", err)
		}
	}
	if err := os.Mkdir(filepath.Join(m.Dir, "work"), 0o700); err != nil {
		return fmt.Errorf("make a root: %w", err)
	}
	for name, target := range map[string]string{
		"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64", "var/run": "/run",
	} {
		if err := os.Symlink(target, filepath.Join(m.root(), name)); err != nil {
			return fmt.Errorf("make a root: %w", err)
		}
	}
	if err := m.furnishShim(ctx, o.Bare); err != nil {
		return err
	}
	if err := errors.Join(m.writeEtc(install), m.furnishKubelet()); err != nil {
		return err
	}
	return m.enable(o.Enabled)
}

// furnishShim installs cri-logshim, or makes what dpkg needs to do so.
func (m *Machine) furnishShim(ctx context.Context, bare bool) error {
	if !bare {
		return m.makeInstall(ctx, "install")
	}
	database := filepath.Join(m.root(), "var/lib/dpkg")
	err := errors.Join(os.MkdirAll(filepath.Join(database, "info"), 0o755), os.MkdirAll(filepath.Join(database, "updates"), 0o755))
	if err == nil {
		err = os.WriteFile(filepath.Join(database, "status"), nil, 0o644)
	}
	if err != nil {
		return fmt.Errorf("make a database for dpkg: %w", err)
	}
	return nil
}

// makeInstall runs make in this repository, so that it installs into the machine.
func (m *Machine) makeInstall(ctx context.Context, target string) error {
	repository, err := repositoryDir(ctx)
	if err != nil {
		return err
	}
	turn, err := os.Open(filepath.Join(repository, "Makefile"))
	if err != nil {
		return err
	}
	defer turn.Close()
	// One at a time: each makes the manual pages in bin/ anew before it installs them.
	if err := unix.Flock(int(turn.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("wait for another make %s: %w", target, err)
	}
	cmd := exec.CommandContext(ctx, "make", "-C", repository, target, "DESTDIR="+m.root())
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=") // what a make around us was told is not for this one
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make %s: %w\n%s", target, err, output)
	}
	return nil
}

// writeEtc writes the few files that systemd and containerd read.
func (m *Machine) writeEtc(install Install) error {
	inside := install
	inside.Folder = filepath.Join(machineCache, filepath.Base(filepath.Dir(install.Folder)), "bin")
	inside.Runc = filepath.Join(machineCache, "tools", "runc")
	config, err := containerdConfig(inside, containerdPlaces{
		Root: "/var/lib/containerd", State: "/run/containerd", Socket: machineContainerd, CNI: "/etc/cni/net.d", Opt: "/opt/containerd",
	})
	if err != nil {
		return err
	}
	files := map[string]string{
		"machine-id":    strings.Repeat("c0ffee11", 4) + "\n", // a machine without one enables every unit
		"hostname":      "machine\n",
		"passwd":        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
		"group":         "root:x:0:\nadm:x:4:\nnogroup:x:65534:\n",
		"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
		"hosts":         "127.0.0.1 localhost machine\n",
		"resolv.conf":   "nameserver 127.0.0.1\n",

		"containerd/config.toml":            string(config),
		"systemd/system/" + ContainerdUnit:  containerdService(inside),
		"systemd/journald.conf.d/test.conf": "[Journal]\nStorage=volatile\nRateLimitBurst=0\nReadKMsg=no\nAudit=no\n",
	}
	for name, content := range files {
		file := filepath.Join(m.root(), "etc", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), 0o644)); err != nil {
			return fmt.Errorf("write %q: %w", name, err)
		}
	}
	return m.copyLinkerCache()
}

// copyLinkerCache takes over where the machine's programs find their libraries.
func (m *Machine) copyLinkerCache() error {
	content, err := os.ReadFile("/etc/ld.so.cache")
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(m.root(), "etc/ld.so.cache"), content, 0o644)
}

// machineContainerd is where containerd listens in a Machine.
const machineContainerd = "/run/containerd/containerd.sock"

// containerdService is as containerd's own unit, as far as that matters here: its pods
// outlive it.
func containerdService(install Install) string {
	return `[Unit]
Description=containerd container runtime
After=network.target local-fs.target

[Service]
Type=notify
Environment=PATH=` + install.Folder + `:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=` + install.containerd() + `
Delegate=yes
KillMode=process
Restart=always
RestartSec=1
LimitNOFILE=infinity
TasksMax=infinity

[Install]
WantedBy=multi-user.target
`
}

// enable makes units start at boot, and takes away those of the distribution that would
// look after what is not there: devices, consoles and sessions. The one that sets kernel
// settings would set the machine's.
func (m *Machine) enable(units map[string]string) error {
	system := filepath.Join(m.root(), "etc/systemd/system")
	links := map[string]string{"default.target": "/usr/lib/systemd/system/multi-user.target"}
	for _, unit := range []string{
		"dbus.service", "dbus.socket", "getty.target", "kmod-static-nodes.service", "proc-sys-fs-binfmt_misc.automount",
		"systemd-binfmt.service", "systemd-firstboot.service", "systemd-initctl.socket", "systemd-journald-audit.socket",
		"systemd-logind.service", "systemd-modules-load.service", "systemd-random-seed.service", "systemd-remount-fs.service",
		"systemd-sysctl.service", "systemd-sysusers.service", "systemd-udevd.service", "systemd-update-utmp.service",
		"systemd-update-utmp-runlevel.service", "systemd-user-sessions.service",
	} {
		links[unit] = os.DevNull
	}
	for unit, target := range units {
		links[filepath.Join(target+".wants", unit)] = unitFile(unit)
	}
	for name, target := range links {
		link := filepath.Join(system, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(link), 0o755), os.Symlink(target, link)); err != nil {
			return fmt.Errorf("enable units: %w", err)
		}
	}
	return nil
}

// unitFile is where a unit of ours lies.
func unitFile(unit string) string {
	if strings.HasPrefix(unit, "cri-logshim.") {
		return "/usr/local/lib/systemd/system/" + unit
	}
	return "/etc/systemd/system/" + unit
}
