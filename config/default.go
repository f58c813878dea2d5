package config

import "time"

// Default returns the configuration of an empty file.
func Default() Configuration {
	return Configuration{
		APIVersion:      APIVersion,
		Kind:            Kind,
		Mode:            ModeProxy,
		Listen:          "unix:///run/cri-logshim/cri-logshim.sock",
		KubeletEndpoint: "unix:///run/cri-logshim/kubelet.sock",
		RuntimeEndpoint: "unix:///run/containerd/containerd.sock",
		Docker:          Docker{Endpoint: "unix:///run/docker.sock"},
		DrainTimeout:    time.Second,
		PodLogsDir:      "/var/log/pods",
		Rotation: Rotation{
			MaxSize:        10 << 20,
			MaxFiles:       5,
			MaxFilesUnread: 10,
			Compression:    CompressionGzip,
			CompressAfter:  2 * time.Minute,
		},
		Annotations: Annotations{
			Enabled: true,
			Ceiling: Ceiling{MaxSize: 200 << 20, MaxFiles: 20, KeepAfterRemoval: 7 * 24 * time.Hour},
		},
		// A margin above kubelet's own eviction thresholds, 10% and 5%.
		Node:    Node{MinFree: Floor{Percent: 12}, MinFreeInodes: Floor{Percent: 6}},
		KeepDir: "/var/log/cri-logshim/kept",
		Links:   Links{LegacyDir: "/var/log/containers"},
		Admin:   Admin{Listen: "unix:///run/cri-logshim/admin.sock", Metrics: "127.0.0.1:9465"},
		Log:     Log{Level: LogInfo, Format: LogText},
	}
}
