package install

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cri-logshim/cri-logshim/config"
)

// dockershimEndpoint is where a kubelet up to 1.23 serves CRI to itself, unless it is told of
// another place or runtime.
const dockershimEndpoint = unixScheme + "/var/run/dockershim.sock"

// kubeletRuntime is the flag by which a kubelet up to 1.23 chooses between its own dockershim,
// "docker", and the runtime at an endpoint, "remote". Up to 1.26 kubelet knows the latter only.
const kubeletRuntime = "--container-runtime"

// dockerEngine is the flag that tells the dockershim in kubelet where Docker Engine is.
const dockerEngine = "--docker-endpoint"

// dockershimFlags are those that went with dockershim: kubelet 1.24 does not start with them.
// kubeadm gives --network-plugin to every kubelet with dockershim.
func dockershimFlags() []string {
	return []string{
		dockerEngine, "--network-plugin", "--network-plugin-mtu", "--cni-conf-dir", "--cni-bin-dir", "--cni-cache-dir",
		"--image-pull-progress-deadline", "--experimental-dockershim-root-directory",
	}
}

// hasDockershim tells whether kubelet is itself the runtime: up to 1.23 it serves Docker to itself
// unless --container-runtime=remote says otherwise, and with that it needs an endpoint. Where
// neither its version nor a flag tells, it is if the runtime's endpoint, empty: not known, is
// dockershim's and kubelet has none.
func (k *kubelet) hasDockershim(endpoint string) (bool, error) {
	if kind, _, found := k.flag(kubeletRuntime); found {
		return kind == "docker", nil
	}
	if k.known() && k.version != "" {
		return !atLeast(k.version, 24), nil
	}
	if slices.ContainsFunc(dockershimFlags(), k.hasFlag) {
		return true, nil
	}
	at, err := k.where(kubeletEndpoint())
	return at.value == "" && config.SameEndpoint(endpoint, dockershimEndpoint), err
}

func (k *kubelet) hasFlag(name string) bool {
	_, _, found := k.flag(name)
	return found
}

// dockershimAt is where kubelet serves Docker to itself: the flag of the runtime's endpoint names it
// then. What its configuration says of an endpoint no kubelet with dockershim knows.
func (k *kubelet) dockershimAt() string {
	if value, _, found := k.flag(kubeletEndpoint().flag); found && value != "" {
		return withScheme(value)
	}
	return dockershimEndpoint
}

// fitDockershim refuses what cannot be with a kubelet that is itself the runtime: to stand between
// them, to look after another runtime, and to ask another Docker.
func (i *Installer) fitDockershim(c config.Configuration, k *kubelet, endpoint string) error {
	at := k.dockershimAt()
	if c.Mode == config.ModeProxy {
		write := fmt.Sprintf("mode: %s and runtimeEndpoint: %s", config.ModeManage, at)
		if engine := i.otherEngine(c, k); strings.HasPrefix(engine, unixScheme) {
			write = fmt.Sprintf("mode: %s, runtimeEndpoint: %s and docker: {endpoint: %q}", config.ModeManage, at, engine)
		}
		return fmt.Errorf("dockershim is a part of this kubelet%s, so nothing can stand between them: write %s into %s, then run this again; or start kubelet with %s=remote and the endpoint of another runtime",
			k.why(), write, configPath, kubeletRuntime)
	}
	if !i.sameEndpoint(endpoint, at) {
		return fmt.Errorf("kubelet's containers are not at %s: dockershim is a part of this kubelet%s, at %s; leave --runtime-endpoint out, or --leave-kubelet looks after another runtime all the same", endpoint, k.why(), at)
	}
	if engine := i.otherEngine(c, k); strings.HasPrefix(engine, unixScheme) {
		return fmt.Errorf("kubelet reaches Docker at %s (%s), and cri-logshim would ask at %s where logs are: write docker: {endpoint: %q} into %s, then run this again",
			engine, dockerEngine, c.Docker.Endpoint, engine, configPath)
	}
	return nil
}

// why is what tells that kubelet has dockershim, for people.
func (k *kubelet) why() string {
	switch {
	case k.hasFlag(kubeletRuntime):
		return " (" + kubeletRuntime + "=docker)"
	case k.known() && k.version != "":
		return fmt.Sprintf(" (%s without %s=remote)", k.version, kubeletRuntime)
	}
	if at := slices.IndexFunc(dockershimFlags(), k.hasFlag); at >= 0 {
		return fmt.Sprintf(" (%s without %s=remote)", dockershimFlags()[at], kubeletRuntime)
	}
	return ""
}

// otherEngine is the endpoint of Docker Engine that kubelet has and cri-logshim would not ask; empty:
// there is none, or none is to be asked.
func (i *Installer) otherEngine(c config.Configuration, k *kubelet) string {
	engine, _, _ := k.flag(dockerEngine)
	if engine == "" || c.Docker.Endpoint == "" || i.sameEndpoint(engine, c.Docker.Endpoint) {
		return ""
	}
	return engine
}

// noteEngine notes that Docker Engine cannot be asked where kubelet asks it.
func (i *Installer) noteEngine(in *intent, k *kubelet) {
	if k == nil || !in.runtime.inside {
		return
	}
	if engine := i.otherEngine(in.config, k); engine != "" {
		in.note(fmt.Sprintf("kubelet reaches Docker at %s (%s), where cri-logshim cannot ask: docker.endpoint in %s has to be a unix socket of the same Docker; without one, logs are looked for below /var/lib/docker",
			engine, dockerEngine, configPath))
	}
}

// sameEndpoint says whether two endpoints are one place on the node, whose links count.
func (i *Installer) sameEndpoint(a, b string) bool {
	if config.SameEndpoint(a, b) {
		return true
	}
	same, err := i.tree.same(strings.TrimPrefix(a, unixScheme), strings.TrimPrefix(b, unixScheme))
	return err == nil && same
}
