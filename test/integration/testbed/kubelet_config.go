package testbed

import (
	"encoding/json"
	"fmt"
	"path/filepath"
)

// config is the kubelet configuration file. What deviates from kubelet's defaults beside
// the places and the log settings: nothing asks for an API server, cgroup v1 is good
// enough, nothing needs CAP_SYS_RESOURCE, no firewall rule is written, and a nearly full
// disk evicts no pod and removes no image.
func (k *Kubelet) config(cgroup string, o KubeletOptions) (string, error) {
	text, err := json.MarshalIndent(map[string]any{
		"apiVersion":                    "kubelet.config.k8s.io/v1beta1",
		"kind":                          "KubeletConfiguration",
		"address":                       "127.0.0.1",
		"port":                          k.port,
		"healthzPort":                   0,
		"authentication":                map[string]any{"anonymous": enabled(true), "webhook": enabled(false)},
		"authorization":                 map[string]any{"mode": "AlwaysAllow"},
		"staticPodPath":                 k.manifests(),
		"fileCheckFrequency":            "1s",
		"syncFrequency":                 "5s",
		"containerRuntimeEndpoint":      o.Endpoint,
		"podLogsDir":                    k.PodLogsDir,
		"containerLogMaxSize":           o.Logs.MaxSize,
		"containerLogMaxFiles":          o.Logs.MaxFiles,
		"containerLogMaxWorkers":        o.Logs.MaxWorkers,
		"containerLogMonitorInterval":   o.Logs.MonitorInterval.String(),
		"resolvConf":                    k.resolver(),
		"volumePluginDir":               filepath.Join(k.dir, "plugins"),
		"featureGates":                  o.FeatureGates,
		"failCgroupV1":                  false,
		"failSwapOn":                    false,
		"cgroupDriver":                  "cgroupfs",
		"cgroupRoot":                    cgroup,
		"cgroupsPerQOS":                 false,
		"enforceNodeAllocatable":        []string{},
		"localStorageCapacityIsolation": true,
		"makeIPTablesUtilChains":        false,
		"oomScoreAdj":                   0,
		"evictionHard": map[string]string{
			"memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%", "imagefs.inodesFree": "0%",
		},
		"imageGCHighThresholdPercent": 100,
	}, "", "  ")
	if err != nil {
		return "", fmt.Errorf("write the kubelet configuration: %w", err)
	}
	return string(text), nil
}

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
