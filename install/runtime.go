package install

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/cri-logshim/cri-logshim/config"
)

const (
	unixScheme = "unix://"
	// crioSuffix is what the endpoint of CRI-O ends in: by it kubelet chooses where its
	// statistics come from (CrioSocketSuffix in its package cadvisor), so ours has to end in it
	// too.
	crioSuffix   = "run/crio/crio.sock"
	crioEndpoint = unixScheme + "/run/cri-logshim/" + crioSuffix
)

// knownSockets are where runtimes listen.
func knownSockets() []string {
	return []string{
		"/run/containerd/containerd.sock",
		"/run/crio/crio.sock",
		"/run/cri-dockerd.sock",
		"/run/k3s/containerd/containerd.sock",
		"/run/dockershim.sock",
	}
}

// knownRuntimes are the names by which runtimes answer that cri-logshim is made for.
func knownRuntimes() []string { return []string{"containerd", "cri-o", "docker"} }

// runtime is a container runtime, as it was found.
type runtime struct {
	endpoint string
	name     string // as it calls itself; empty: it was not asked
	from     string // who has named it
	inside   bool   // it is the dockershim that is a part of kubelet
}

// isDocker says whether it cannot reopen logs, of which cri-logshim rotates none then.
func (r *runtime) isDocker() bool {
	return r.name == "docker" || r.name == "" && strings.Contains(path.Base(r.endpoint), "docker")
}

// findRuntime returns the runtime: the one that was named; else the one that
// kubelet speaks to; else, where that is cri-logshim already or unknown, the one of a
// configuration that is there, or the only one that answers.
func (i *Installer) findRuntime(ctx context.Context, c config.Configuration, created bool, k *kubelet) (runtime, error) {
	r, err := i.namedRuntime(c, created, k)
	if err == nil && r.endpoint == "" {
		r, err = i.onlyRuntime(ctx)
		if err != nil && k != nil && !k.known() {
			err = fmt.Errorf("%w (%s, whose arguments are not known)", err, k.starter)
		}
	}
	if err == nil && k != nil {
		r.inside, err = k.hasDockershim(r.endpoint)
	}
	if err == nil && r.inside {
		err = i.fitDockershim(c, k, r.endpoint)
	}
	if err != nil || i.options.Offline || r.name != "" {
		return r, err
	}
	return i.askRuntime(ctx, r)
}

// askRuntime asks a runtime that was named for its name.
func (i *Installer) askRuntime(ctx context.Context, r runtime) (_ runtime, err error) {
	if r.name, err = i.machine.RuntimeName(ctx, r.endpoint); err != nil {
		if errors.Is(err, errDockerAPI) {
			return r, fmt.Errorf("%w; CRI is served for Docker by cri-dockerd, such as at unix:///run/cri-dockerd.sock, or dockershim, such as at %s: --runtime-endpoint names it", err, dockershimEndpoint)
		}
		err = fmt.Errorf("the runtime at %s does not answer: %w; is it running?", r.endpoint, err)
		if i.options.RuntimeEndpoint == "" {
			err = fmt.Errorf("%w --runtime-endpoint names another", err)
		}
		return r, err
	}
	if i.options.RuntimeEndpoint == "" && !slices.Contains(knownRuntimes(), r.name) {
		return r, fmt.Errorf("the runtime at %s calls itself %q, and not one of %s; --runtime-endpoint %s takes it all the same",
			r.endpoint, r.name, strings.Join(knownRuntimes(), ", "), r.endpoint)
	}
	return r, nil
}

// namedRuntime returns the runtime that somebody has named; without an endpoint: nobody has.
func (i *Installer) namedRuntime(c config.Configuration, created bool, k *kubelet) (runtime, error) {
	if named := i.options.RuntimeEndpoint; named != "" {
		return runtime{endpoint: withScheme(named), from: "--runtime-endpoint"}, fit(withScheme(named), "--runtime-endpoint")
	}
	if k != nil {
		if inside, err := k.hasDockershim(""); err != nil || inside {
			return runtime{endpoint: k.dockershimAt(), from: "dockershim, a part of kubelet"}, err
		}
		at, err := k.where(kubeletEndpoint())
		if err != nil {
			return runtime{}, err
		}
		if at.value != "" && !isOurs(c, at.value) {
			from := "kubelet's " + at.file
			if at.file == "" {
				from = "the command line of kubelet"
			}
			return runtime{endpoint: withScheme(at.value), from: from}, fit(withScheme(at.value), from)
		}
	}
	if !created {
		return runtime{endpoint: c.RuntimeEndpoint, from: configPath}, nil
	}
	return runtime{}, nil
}

// noteRuntime says what of a runtime an operator should know.
func (i *Installer) noteRuntime(in *intent) {
	switch r := in.runtime; {
	case r.isDocker():
		in.note(fmt.Sprintf("the runtime at %s is Docker's, which cannot reopen logs: cri-logshim looks after their links and tells their sizes, and rotates none; set max-size and max-file in Docker's daemon.json", r.endpoint))
	case i.options.Offline && !slices.ContainsFunc(knownSockets(), func(socket string) bool { return config.SameEndpoint(r.endpoint, unixScheme+socket) }):
		in.note(fmt.Sprintf("which runtime listens at %s was not asked: cri-logshim is made for %s", r.endpoint, strings.Join(knownRuntimes(), ", ")))
	case r.name != "" && !slices.Contains(knownRuntimes(), r.name):
		in.note(fmt.Sprintf("the runtime at %s calls itself %q: cri-logshim is made for %s", r.endpoint, r.name, strings.Join(knownRuntimes(), ", ")))
	}
}

// withScheme is an endpoint as cri-logshim has it: kubelet takes a bare path, too.
func withScheme(endpoint string) string {
	if strings.HasPrefix(endpoint, "/") {
		return unixScheme + endpoint
	}
	return endpoint
}

// fit is nil if an endpoint that somebody has named could be the runtime's.
func fit(endpoint, from string) error {
	c := config.Default()
	c.RuntimeEndpoint = endpoint
	err := c.Validate()
	if fault, ok := errors.AsType[config.Fault](err); ok {
		fault.Path = from
		return fault
	}
	return err
}

// onlyRuntime returns the only runtime that answers.
func (i *Installer) onlyRuntime(ctx context.Context) (runtime, error) {
	if i.options.Offline {
		return runtime{}, fmt.Errorf("nothing in %q names the runtime; --runtime-endpoint does, such as %s, or %s for a kubelet up to 1.23 without %s=remote, of which dockershim is a part", i.tree.root, strings.Join(examples(), ", "), dockershimEndpoint, kubeletRuntime)
	}
	var found []runtime
	var endpoints, silent []string
	for _, socket := range knownSockets() {
		endpoint := unixScheme + socket
		name, err := i.machine.RuntimeName(ctx, endpoint)
		if err == nil && slices.Contains(knownRuntimes(), name) {
			found, endpoints = append(found, runtime{endpoint: endpoint, name: name, from: "the only one that answers"}), append(endpoints, endpoint)
		} else {
			silent = append(silent, socket)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return runtime{}, fmt.Errorf("no runtime answers at %s; --runtime-endpoint names another", strings.Join(silent, ", "))
	}
	return runtime{}, fmt.Errorf("several runtimes answer, and kubelet names none: %s; --runtime-endpoint names one", strings.Join(endpoints, ", "))
}

// examples are endpoints of runtimes.
func examples() []string {
	var endpoints []string
	for _, socket := range knownSockets()[:3] {
		endpoints = append(endpoints, unixScheme+socket)
	}
	return endpoints
}

// served is where cri-logshim serves kubelet: by the link, if there is one.
func served(c config.Configuration) string {
	if c.KubeletEndpoint != "" {
		return c.KubeletEndpoint
	}
	return c.Listen
}

// isOurs says whether an endpoint is where cri-logshim serves kubelet.
func isOurs(c config.Configuration, endpoint string) bool {
	endpoint = withScheme(endpoint)
	return config.SameEndpoint(endpoint, c.Listen) || config.SameEndpoint(endpoint, served(c))
}
