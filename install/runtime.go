package install

import (
	"context"
	"fmt"
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
	}
}

// knownRuntimes are the names by which runtimes answer that cri-logshim is made for.
func knownRuntimes() []string { return []string{"containerd", "cri-o", "docker"} }

// findRuntime returns the endpoint of the runtime: the one that was named; else the one that
// kubelet speaks to; else, where that is cri-logshim already or unknown, the one of a
// configuration that is there, or the only one that answers.
func (i *Installer) findRuntime(ctx context.Context, c config.Configuration, created bool, k *kubelet) (string, error) {
	endpoint, err := i.namedRuntime(c, created, k)
	if err != nil {
		return "", err
	}
	if endpoint == "" {
		return i.onlyRuntime(ctx)
	}
	if i.options.Offline {
		return endpoint, nil
	}
	name, err := i.machine.RuntimeName(ctx, endpoint)
	if err != nil {
		err = fmt.Errorf("the runtime at %s does not answer: %w; is it running?", endpoint, err)
		if i.options.RuntimeEndpoint == "" {
			err = fmt.Errorf("%w --runtime-endpoint names another", err)
		}
		return "", err
	}
	if i.options.RuntimeEndpoint == "" && !slices.Contains(knownRuntimes(), name) {
		return "", fmt.Errorf("the runtime at %s calls itself %q, and not one of %s; --runtime-endpoint %s takes it all the same",
			endpoint, name, strings.Join(knownRuntimes(), ", "), endpoint)
	}
	return endpoint, nil
}

// namedRuntime returns the endpoint that somebody has named; empty: nobody has.
func (i *Installer) namedRuntime(c config.Configuration, created bool, k *kubelet) (string, error) {
	if named := i.options.RuntimeEndpoint; named != "" {
		return withScheme(named), nil
	}
	if k != nil {
		at, err := k.where(kubeletEndpoint())
		if err != nil {
			return "", err
		}
		if at.value != "" && !isOurs(c, at.value) {
			return withScheme(at.value), nil
		}
	}
	if !created {
		return c.RuntimeEndpoint, nil
	}
	return "", nil
}

// withScheme is an endpoint as cri-logshim has it: kubelet takes a bare path, too.
func withScheme(endpoint string) string {
	if strings.HasPrefix(endpoint, "/") {
		return unixScheme + endpoint
	}
	return endpoint
}

// onlyRuntime returns the only endpoint at which a runtime answers.
func (i *Installer) onlyRuntime(ctx context.Context) (string, error) {
	if i.options.Offline {
		return "", fmt.Errorf("nothing in %q names the runtime; --runtime-endpoint does, such as %s%s", i.tree.root, unixScheme, knownSockets()[0])
	}
	var found, silent []string
	for _, socket := range knownSockets() {
		name, err := i.machine.RuntimeName(ctx, unixScheme+socket)
		if err == nil && slices.Contains(knownRuntimes(), name) {
			found = append(found, unixScheme+socket)
		} else {
			silent = append(silent, socket)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", fmt.Errorf("no runtime answers at %s; --runtime-endpoint names another", strings.Join(silent, ", "))
	}
	return "", fmt.Errorf("several runtimes answer, and kubelet names none: %s; --runtime-endpoint names one", strings.Join(found, ", "))
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
	return withScheme(endpoint) == c.Listen || withScheme(endpoint) == served(c)
}
