package testbed

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"text/template"
)

// What both forms of the file have in common, and why: nothing outside our folder is
// read or written (imports, opt, NRI, CNI), no profile is loaded into the kernel
// (AppArmor), and nothing needs CAP_SYS_RESOURCE, which containers often lack
// (restrict_oom_score_adj).

// configV3 is for containerd 2.
const configV3 = `version = 3
root = '{{.Root}}'
state = '{{.State}}'
imports = []
disabled_plugins = ['io.containerd.image-verifier.v1.bindir', 'io.containerd.tracing.processor.v1.otlp']

[grpc]
  address = '{{.Socket}}'

[debug]
  level = '{{.LogLevel}}'

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '{{.SandboxImage}}'

[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  disable_apparmor = true
  cdi_spec_dirs = []

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ['{{.CNI}}']
  conf_dir = '{{.CNI}}'

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = '{{.Runc}}'

[plugins.'io.containerd.internal.v1.opt']
  path = '{{.Opt}}'

[plugins.'io.containerd.nri.v1.nri']
  disable = true
`

// configV2 is for containerd 1.
const configV2 = `version = 2
root = '{{.Root}}'
state = '{{.State}}'
imports = []

[grpc]
  address = '{{.Socket}}'

[debug]
  level = '{{.LogLevel}}'

[plugins.'io.containerd.grpc.v1.cri']
  sandbox_image = '{{.SandboxImage}}'
  restrict_oom_score_adj = true
  disable_apparmor = true

[plugins.'io.containerd.grpc.v1.cri'.cni]
  bin_dir = '{{.CNI}}'
  conf_dir = '{{.CNI}}'

[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'

[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc.options]
  BinaryName = '{{.Runc}}'

[plugins.'io.containerd.internal.v1.opt']
  path = '{{.Opt}}'

[plugins.'io.containerd.nri.v1.nri']
  disable = true
`

// containerdPlaces are the paths that a containerd has for itself.
type containerdPlaces struct{ Root, State, Socket, CNI, Opt string }

// placesIn are those of a containerd that has everything in one folder.
func placesIn(dir string) containerdPlaces {
	in := func(name string) string { return filepath.Join(dir, name) }
	return containerdPlaces{Root: in("root"), State: in("state"), Socket: in("containerd.sock"), CNI: in("cni"), Opt: in("opt")}
}

// containerdConfig is the configuration file of an installed containerd.
func containerdConfig(install Install, places containerdPlaces) ([]byte, error) {
	text := configV3
	if strings.HasPrefix(install.Version, "1.") {
		text = configV2
	}
	file, err := template.New("config.toml").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("parse the containerd configuration: %w", err)
	}
	var b bytes.Buffer
	err = file.Execute(&b, struct {
		containerdPlaces
		SandboxImage, Runc, LogLevel string
	}{places, Image, install.Runc, install.LogLevel})
	return b.Bytes(), err
}
