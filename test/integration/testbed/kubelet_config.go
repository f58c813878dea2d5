package testbed

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
)

// config is the kubelet configuration file. What deviates from kubelet's defaults beside
// the places and the log settings: cgroup v1 is good enough, nothing needs
// CAP_SYS_RESOURCE, no firewall rule is written, and a nearly full disk evicts no pod and
// removes no image.
func (k *Kubelet) config(cgroup string) (string, error) {
	settings := map[string]any{
		"apiVersion":             "kubelet.config.k8s.io/v1beta1",
		"kind":                   "KubeletConfiguration",
		"address":                k.options.Network.address(),
		"port":                   k.port,
		"healthzPort":            0,
		"authentication":         map[string]any{"anonymous": enabled(true), "webhook": enabled(false)},
		"authorization":          map[string]any{"mode": "AlwaysAllow"},
		"featureGates":           k.options.FeatureGates,
		"staticPodPath":          k.manifests(),
		"fileCheckFrequency":     "1s",
		"syncFrequency":          "5s",
		"containerLogMaxSize":    k.options.Logs.MaxSize,
		"containerLogMaxFiles":   k.options.Logs.MaxFiles,
		"resolvConf":             k.resolver(),
		"volumePluginDir":        filepath.Join(k.dir, "plugins"),
		"failSwapOn":             false,
		"cgroupDriver":           "cgroupfs",
		"cgroupRoot":             cgroup,
		"cgroupsPerQOS":          false,
		"enforceNodeAllocatable": []string{},
		"makeIPTablesUtilChains": false,
		"oomScoreAdj":            0,
		"evictionHard": map[string]string{
			"memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%", "imagefs.inodesFree": "0%",
		},
		"imageGCHighThresholdPercent": 100,
	}
	if k.options.Version != OldestKubelet {
		maps.Copy(settings, k.newerSettings())
	}
	maps.Copy(settings, k.options.Settings)
	text, err := json.MarshalIndent(settings, "", "  ")
	if err != nil {
		return "", fmt.Errorf("write the kubelet configuration: %w", err)
	}
	return string(text), nil
}

// newerSettings are those that the oldest kubelet has as flags, or not at all.
func (k *Kubelet) newerSettings() map[string]any {
	return map[string]any{
		"containerRuntimeEndpoint":      k.endpoint(),
		"podLogsDir":                    k.node.varLog.inside(k.PodLogsDir),
		"containerLogMaxWorkers":        k.options.Logs.MaxWorkers,
		"containerLogMonitorInterval":   k.options.Logs.MonitorInterval.String(),
		"failCgroupV1":                  false,
		"localStorageCapacityIsolation": true,
	}
}

// flags are what the configuration file does not hold.
func (k *Kubelet) flags() []string {
	flags := []string{
		"--config=" + k.configFile(), "--root-dir=" + k.Root(), "--cert-dir=" + filepath.Join(k.dir, "pki"), "--hostname-override=" + NodeName,
	}
	if k.options.Version == OldestKubelet {
		flags = append(flags, "--container-runtime=remote", "--container-runtime-endpoint="+k.endpoint())
	}
	if k.options.Kubeconfig != "" {
		flags = append(flags, "--kubeconfig="+k.options.Kubeconfig)
	}
	if k.options.Network != nil {
		flags = append(flags, "--node-ip="+NodeAddress)
	}
	return flags
}

func (k *Kubelet) endpoint() string { return "unix://" + k.socket() }

func enabled(is bool) map[string]bool { return map[string]bool{"enabled": is} }

// wantedKernelSettings are those that kubelet would write into the kernel if it found
// them otherwise (setupKernelTunables in its container manager).
func wantedKernelSettings() map[string]string {
	return map[string]string{
		"vm/overcommit_memory":      "1",
		"vm/panic_on_oom":           "0",
		"kernel/panic":              "10",
		"kernel/panic_on_oops":      "1",
		"kernel/keys/root_maxkeys":  "1000000",
		"kernel/keys/root_maxbytes": "25000000",
	}
}
