// Package config is the configuration file: its types, defaults, strict
// loading, validation, and noticing that it changed.
//
// Every fault of a file is reported at once, each with its line and the
// setting's path. What a setting does is the business of whoever is handed it;
// this package knows only what may be written.
package config

import "time"

// APIVersion and Kind are what a file of this format says about itself.
const (
	APIVersion = "cri-logshim.io/v1alpha1"
	Kind       = "Configuration"
)

// Configuration is the whole of a configuration file. The comments of the
// fields are its manual; docs/configuration.md says the same at more length.
type Configuration struct {
	// APIVersion and Kind are required in every file that sets anything.
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`

	// Mode is how much cri-logshim takes over.
	Mode Mode `yaml:"mode"`
	// Listen is the unix:// endpoint that calls are taken at.
	Listen string `yaml:"listen"`
	// KubeletEndpoint is the unix:// endpoint that kubelet is pointed at: a symbolic link,
	// which leads to Listen or to RuntimeEndpoint; empty: none is made.
	KubeletEndpoint string `yaml:"kubeletEndpoint"`
	// RuntimeEndpoint is the unix:// endpoint of the container runtime.
	RuntimeEndpoint string `yaml:"runtimeEndpoint"`
	// ImageEndpoint is where image calls go; empty means RuntimeEndpoint.
	ImageEndpoint string `yaml:"imageEndpoint"`
	// Docker is for the runtimes that are Docker's.
	Docker Docker `yaml:"docker"`
	// DrainTimeout is how long calls in flight may go on after SIGTERM, 0 to 1m.
	DrainTimeout time.Duration `yaml:"drainTimeout"`
	// PodLogsDir is kubelet's podLogsDir, an absolute path.
	PodLogsDir string `yaml:"podLogsDir"`

	Rotation    Rotation    `yaml:"rotation"`
	Files       Files       `yaml:"files"`
	Policies    []Policy    `yaml:"policies"`
	Annotations Annotations `yaml:"annotations"`
	Node        Node        `yaml:"node"`
	// KeepDir holds the logs of removed pods, on the file system of PodLogsDir;
	// empty: none are kept.
	KeepDir string `yaml:"keepDir"`
	Links   Links  `yaml:"links"`
	Admin   Admin  `yaml:"admin"`
	Log     Log    `yaml:"log"`
}

// Docker is how Docker itself is reached behind dockershim and cri-dockerd.
type Docker struct {
	// Endpoint is the unix:// endpoint of Docker Engine, which is asked where containers'
	// logs are, once RuntimeEndpoint has turned out to be Docker's; empty: never.
	Endpoint string `yaml:"endpoint"`
}

// Mode is one of the stages in which cri-logshim is adopted.
type Mode string

const (
	// ModeObserve reports what would be done and changes nothing.
	ModeObserve Mode = "observe"
	// ModeManage manages logs beside kubelet, which is not redirected.
	ModeManage Mode = "manage"
	// ModeProxy stands in the path of every CRI call.
	ModeProxy Mode = "proxy"
)

// Rotation is how far a container's log may grow and what becomes of its
// rotated files.
type Rotation struct {
	// MaxSize is the size in bytes at which a log is rotated, at least 4Ki; negative:
	// never.
	MaxSize Size `yaml:"maxSize"`
	// MaxFiles is how many files of one log are kept, the current one
	// included; at least 2.
	MaxFiles int `yaml:"maxFiles"`
	// MaxFilesUnread takes the place of MaxFiles while an open collector has
	// not finished the oldest file; not above MaxFiles: off.
	MaxFilesUnread int `yaml:"maxFilesUnread"`
	// MaxAge is the age at which a log that is not empty is rotated, at least a
	// second; 0: off.
	MaxAge time.Duration `yaml:"maxAge"`
	// DeleteAfter is how long a rotated file is kept, at least a second; 0: until
	// another limit asks for it.
	DeleteAfter time.Duration `yaml:"deleteAfter"`
	// MaxTotalSize bounds all files of a container over all its attempts, in
	// bytes as they lie on disk; not less than MaxSize nor 4Ki; 0: off.
	MaxTotalSize Size `yaml:"maxTotalSize"`
	// Compression is how older rotated files are stored.
	Compression Compression `yaml:"compression"`
	// CompressAfter is how long a rotated file stays as it is at least.
	CompressAfter time.Duration `yaml:"compressAfter"`
	// KeepAfterRemoval is how long logs of removed pods are kept; 0: off.
	KeepAfterRemoval time.Duration `yaml:"keepAfterRemoval"`
}

// Compression is how rotated files are stored.
type Compression string

// The compressions that a file may name.
const (
	CompressionNone Compression = "none"
	CompressionGzip Compression = "gzip"
	CompressionZstd Compression = "zstd"
)

// Files is what log files look like to readers that are not root.
type Files struct {
	// Group owns the files, by name or number; empty: as the runtime made them.
	Group string `yaml:"group"`
	// Mode is the files' permission bits; 0: as the runtime made them.
	Mode FileMode `yaml:"mode"`
}

// Policy overrides the rotation of the containers that it matches. The first
// policy that matches decides.
type Policy struct {
	Match    Match            `yaml:"match"`
	Rotation RotationOverride `yaml:"rotation"`
	// Annotations says whether pods may change by annotation what holds for the
	// containers that match; nil: they may.
	Annotations *bool `yaml:"annotations,omitempty"`
}

// Match chooses containers; whatever is empty matches everything.
type Match struct {
	// Namespace is a shell pattern for the pod's namespace.
	Namespace string `yaml:"namespace,omitempty"`
	// PodLabels are labels that the pod must have.
	PodLabels map[string]string `yaml:"podLabels,omitempty"`
	// Container is a shell pattern for the container's name.
	Container string `yaml:"container,omitempty"`
}

// RotationOverride is the part of Rotation that a policy may set; nil leaves
// the node's value.
type RotationOverride struct {
	MaxSize          *Size          `yaml:"maxSize,omitempty"`
	MaxFiles         *int           `yaml:"maxFiles,omitempty"`
	MaxFilesUnread   *int           `yaml:"maxFilesUnread,omitempty"`
	MaxAge           *time.Duration `yaml:"maxAge,omitempty"`
	DeleteAfter      *time.Duration `yaml:"deleteAfter,omitempty"`
	MaxTotalSize     *Size          `yaml:"maxTotalSize,omitempty"`
	Compression      *Compression   `yaml:"compression,omitempty"`
	CompressAfter    *time.Duration `yaml:"compressAfter,omitempty"`
	KeepAfterRemoval *time.Duration `yaml:"keepAfterRemoval,omitempty"`
}

// Annotations says whether pods may set their own rotation, and how far.
type Annotations struct {
	Enabled bool    `yaml:"enabled"`
	Ceiling Ceiling `yaml:"ceiling"`
}

// Ceiling is the most that a pod may ask for by annotation.
type Ceiling struct {
	MaxSize          Size          `yaml:"maxSize"`
	MaxFiles         int           `yaml:"maxFiles"`
	KeepAfterRemoval time.Duration `yaml:"keepAfterRemoval"`
}

// Node bounds all container logs of the node together.
type Node struct {
	// MaxBytes is the budget of all logs in bytes, at least 1Mi; 0: off.
	MaxBytes Size `yaml:"maxBytes"`
	// MinFree is the free space that is defended.
	MinFree Floor `yaml:"minFree"`
	// MinFreeInodes is the number of free inodes that is defended.
	MinFreeInodes Floor `yaml:"minFreeInodes"`
}

// Links is which symlinks to logs are made.
type Links struct {
	// LegacyDir is where kubelet links every log under a flat name; empty: no
	// such links.
	LegacyDir string `yaml:"legacyDir"`
}

// Admin is where operators reach the daemon over HTTP.
type Admin struct {
	// Listen is a unix:// endpoint for health, metrics and status; empty: off.
	Listen string `yaml:"listen"`
	// Metrics is a second one, host:port or unix://, for whoever is not root, without
	// what names pods and files; empty: off.
	Metrics string `yaml:"metrics"`
	// ContainerMetrics adds series for each container to the metrics, which names pods to
	// whoever can reach them.
	ContainerMetrics bool `yaml:"containerMetrics"`
	// Pprof serves profiles of the process at /debug/pprof/ of Listen.
	Pprof bool `yaml:"pprof"`
	// TLS is for Metrics where that is host:port.
	TLS TLS `yaml:"tls"`
}

// TLS names PEM files, which are read again when they have changed.
type TLS struct {
	// CertFile and KeyFile are the certificate that is served with, and its key; empty: plain
	// HTTP.
	CertFile string `yaml:"certFile"`
	KeyFile  string `yaml:"keyFile"`
	// ClientCAFile holds the authorities whose certificates clients must show; empty: clients
	// need none.
	ClientCAFile string `yaml:"clientCAFile"`
}

// Log is the daemon's own log on stderr.
type Log struct {
	Level  LogLevel  `yaml:"level"`
	Format LogFormat `yaml:"format"`
}

// LogLevel is the least severe level that is written.
type LogLevel string

// The levels that a file may name.
const (
	LogTrace LogLevel = "trace"
	LogDebug LogLevel = "debug"
	LogInfo  LogLevel = "info"
	LogWarn  LogLevel = "warn"
	LogError LogLevel = "error"
)

// LogFormat is how a line of the daemon's own log looks.
type LogFormat string

// The formats that a file may name.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)
