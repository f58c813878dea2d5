package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cri-logshim/cri-logshim/config"
)

// head is what every file that sets something begins with, on two lines.
const head = "apiVersion: cri-logshim.io/v1alpha1\nkind: Configuration\n"

func TestNothingSetIsTheDefault(t *testing.T) {
	for name, text := range map[string]string{
		"empty":             "",
		"comments":          "# nothing\n\n# at all\n",
		"document marker":   "---\n",
		"null":              "null\n",
		"head only":         head,
		"empty sections":    head + "rotation:\nlinks: {}\nadmin:\nlog:\npolicies:\n",
		"byte order mark":   "\ufeff" + head,
		"windows lines":     strings.ReplaceAll(head, "\n", "\r\n"),
		"JSON":              `{"apiVersion": "cri-logshim.io/v1alpha1", "kind": "Configuration"}`,
		"end of document":   head + "...\n",
		"quoted everything": `"apiVersion": 'cri-logshim.io/v1alpha1'` + "\n'kind': \"Configuration\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := config.Parse("config.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(config.Default(), got); diff != "" {
				t.Errorf("not the default (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAccepted holds, for every setting, the values at the edge of what is
// allowed.
func TestAccepted(t *testing.T) {
	longest := "/" + strings.Repeat("x", 106)
	for text, want := range map[string]func(*config.Configuration){
		"mode: proxy": func(*config.Configuration) {},
		"listen: unix://" + longest: func(c *config.Configuration) {
			c.Listen = "unix://" + longest
		},
		`listen: "unix:///run/with space/ü.sock"`: func(c *config.Configuration) {
			c.Listen = "unix:///run/with space/ü.sock"
		},
		"runtimeEndpoint: unix:///run/crio/crio.sock": func(c *config.Configuration) {
			c.RuntimeEndpoint = "unix:///run/crio/crio.sock"
		},
		"imageEndpoint: unix:///run/containerd/containerd.sock": func(c *config.Configuration) {
			c.ImageEndpoint = "unix:///run/containerd/containerd.sock"
		},
		`imageEndpoint: ""`:   func(*config.Configuration) {},
		"drainTimeout: 0":     func(c *config.Configuration) { c.DrainTimeout = 0 },
		"drainTimeout: 1m":    func(c *config.Configuration) { c.DrainTimeout = time.Minute },
		"drainTimeout: 250ms": func(c *config.Configuration) { c.DrainTimeout = 250 * time.Millisecond },
		"podLogsDir: /logs":   func(c *config.Configuration) { c.PodLogsDir = "/logs" },

		"rotation: {maxSize: 4Ki}":      func(c *config.Configuration) { c.Rotation.MaxSize = 4 << 10 },
		"rotation: {maxSize: 5000000m}": func(c *config.Configuration) { c.Rotation.MaxSize = 5000 },
		"rotation: {maxSize: 1.5Gi}":    func(c *config.Configuration) { c.Rotation.MaxSize = 3 << 29 },
		"rotation: {maxSize: '50M'}":    func(c *config.Configuration) { c.Rotation.MaxSize = 50_000_000 },
		"rotation: {maxSize: 5e3}":      func(c *config.Configuration) { c.Rotation.MaxSize = 5000 },
		"rotation: {maxSize: 7Ei}":      func(c *config.Configuration) { c.Rotation.MaxSize = 7 << 60 },
		"rotation: {maxSize: -1}":       func(c *config.Configuration) { c.Rotation.MaxSize = -1 },
		"rotation: {maxSize: -10Mi}":    func(c *config.Configuration) { c.Rotation.MaxSize = -10 << 20 },
		"rotation: {maxFiles: 2}":       func(c *config.Configuration) { c.Rotation.MaxFiles = 2 },
		"rotation: {maxFiles: 1000000}": func(c *config.Configuration) { c.Rotation.MaxFiles = 1_000_000 },
		"rotation: {compression: none}": func(c *config.Configuration) { c.Rotation.Compression = config.CompressionNone },
		"rotation: {compression: gzip}": func(c *config.Configuration) { c.Rotation.Compression = config.CompressionGzip },
		"rotation: {compression: zstd}": func(c *config.Configuration) { c.Rotation.Compression = config.CompressionZstd },
		"rotation: {compressAfter: 0s}": func(c *config.Configuration) { c.Rotation.CompressAfter = 0 },
		"rotation: {compressAfter: 168h}": func(c *config.Configuration) {
			c.Rotation.CompressAfter = 168 * time.Hour
		},

		"rotation: {maxFilesUnread: 0}":     func(c *config.Configuration) { c.Rotation.MaxFilesUnread = 0 },
		"rotation: {maxFilesUnread: 1}":     func(c *config.Configuration) { c.Rotation.MaxFilesUnread = 1 },
		"rotation: {maxAge: 0s}":            func(*config.Configuration) {},
		"rotation: {maxAge: 1s}":            func(c *config.Configuration) { c.Rotation.MaxAge = time.Second },
		"rotation: {deleteAfter: 0s}":       func(*config.Configuration) {},
		"rotation: {deleteAfter: 1s}":       func(c *config.Configuration) { c.Rotation.DeleteAfter = time.Second },
		`rotation: {maxTotalSize: ""}`:      func(*config.Configuration) {},
		"rotation: {maxTotalSize: 0}":       func(*config.Configuration) {},
		"rotation: {maxTotalSize: 10Mi}":    func(c *config.Configuration) { c.Rotation.MaxTotalSize = 10 << 20 },
		"rotation: {keepAfterRemoval: 1ns}": func(c *config.Configuration) { c.Rotation.KeepAfterRemoval = 1 },
		"rotation: {maxSize: -1, maxTotalSize: 4096}": func(c *config.Configuration) {
			c.Rotation.MaxSize, c.Rotation.MaxTotalSize = -1, 4096
		},

		`files: {group: "", mode: ""}`: func(*config.Configuration) {},
		"files: {group: adm}":          func(c *config.Configuration) { c.Files.Group = "adm" },
		"files: {group: 4}":            func(c *config.Configuration) { c.Files.Group = "4" },
		"files: {mode: 0600}":          func(c *config.Configuration) { c.Files.Mode = 0o600 },
		`files: {mode: "664"}`:         func(c *config.Configuration) { c.Files.Mode = 0o664 },

		"policies: [{rotation: {maxFiles: 2}}]": func(c *config.Configuration) {
			c.Policies = []config.Policy{{Rotation: config.RotationOverride{MaxFiles: new(2)}}}
		},
		"policies: [{match: {namespace: kube-system}, rotation: {}}]": func(c *config.Configuration) {
			c.Policies = []config.Policy{{Match: config.Match{Namespace: "kube-system"}}}
		},
		"policies: [{match: {namespace: audited}, annotations: false}]": func(c *config.Configuration) {
			c.Policies = []config.Policy{{Match: config.Match{Namespace: "audited"}, Annotations: new(false)}}
		},
		"rotation: {}\npolicies: [{rotation: }]": func(c *config.Configuration) { c.Policies = []config.Policy{{}} },
		"policies: [{match: {podLabels: }, rotation: {maxTotalSize: ''}}]": func(c *config.Configuration) {
			c.Policies = []config.Policy{{Rotation: config.RotationOverride{MaxTotalSize: new(config.Size(0))}}}
		},
		"policies: [{match: {namespace: '*', podLabels: {a.b/c: '', d: x_y}, container: '[a-z]?'}, rotation: {deleteAfter: 1h}}]": func(c *config.Configuration) {
			c.Policies = []config.Policy{{
				Match:    config.Match{Namespace: "*", PodLabels: map[string]string{"a.b/c": "", "d": "x_y"}, Container: "[a-z]?"},
				Rotation: config.RotationOverride{DeleteAfter: new(time.Hour)},
			}}
		},
		"annotations: {enabled: false, ceiling: {maxSize: '', maxFiles: 0, keepAfterRemoval: 0s}}": func(c *config.Configuration) {
			c.Annotations = config.Annotations{}
		},
		"annotations: {ceiling: {maxSize: 4Ki, maxFiles: 2, keepAfterRemoval: 0s}}": func(c *config.Configuration) {
			c.Annotations.Ceiling = config.Ceiling{MaxSize: 4 << 10, MaxFiles: 2}
		},
		`node: {maxBytes: "", minFree: "", minFreeInodes: ""}`: func(c *config.Configuration) { c.Node = config.Node{} },
		"node: {maxBytes: 1Mi, minFree: 99.9%, minFreeInodes: 1}": func(c *config.Configuration) {
			c.Node = config.Node{MaxBytes: 1 << 20, MinFree: config.Floor{Percent: 99.9}, MinFreeInodes: config.Floor{Amount: 1}}
		},
		`keepDir: ""`:                    func(c *config.Configuration) { c.KeepDir = "" },
		"keepDir: /var/log/pods-of-past": func(c *config.Configuration) { c.KeepDir = "/var/log/pods-of-past" },

		`links: {legacyDir: ""}`:             func(c *config.Configuration) { c.Links.LegacyDir = "" },
		"links: {legacyDir: /var/log/pods2}": func(c *config.Configuration) { c.Links.LegacyDir = "/var/log/pods2" },
		`admin: {listen: "", metrics: ""}`:   func(c *config.Configuration) { c.Admin = config.Admin{} },
		"admin: {listen: unix:///a.sock}":    func(c *config.Configuration) { c.Admin.Listen = "unix:///a.sock" },
		"admin: {metrics: unix:///m.sock}":   func(c *config.Configuration) { c.Admin.Metrics = "unix:///m.sock" },
		`admin: {metrics: ":9465"}`:          func(c *config.Configuration) { c.Admin.Metrics = ":9465" },
		`admin: {metrics: "[::1]:65535"}`:    func(c *config.Configuration) { c.Admin.Metrics = "[::1]:65535" },
		"admin: {metrics: localhost:0}":      func(c *config.Configuration) { c.Admin.Metrics = "localhost:0" },
		"log: {level: trace, format: json}": func(c *config.Configuration) {
			c.Log = config.Log{Level: config.LogTrace, Format: config.LogJSON}
		},
		"log: {level: debug}": func(c *config.Configuration) { c.Log.Level = config.LogDebug },
		"log: {level: warn}":  func(c *config.Configuration) { c.Log.Level = config.LogWarn },
		"log: {level: error}": func(c *config.Configuration) { c.Log.Level = config.LogError },
		"podLogsDir: &dir /logs\nlinks: {legacyDir: /links}\nadmin: {listen: &l unix:///a.sock}": func(c *config.Configuration) {
			c.PodLogsDir, c.Links.LegacyDir, c.Admin.Listen = "/logs", "/links", "unix:///a.sock"
		},
		"runtimeEndpoint: &r unix:///r.sock\nimageEndpoint: *r": func(c *config.Configuration) {
			c.RuntimeEndpoint, c.ImageEndpoint = "unix:///r.sock", "unix:///r.sock"
		},
	} {
		t.Run(text, func(t *testing.T) {
			want0 := config.Default()
			want(&want0)
			got, _, err := config.Parse("config.yaml", []byte(head+text+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want0, got); diff != "" {
				t.Errorf("not what was written (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEveryFaultAtOnce holds files with several faults against all that is
// said about them.
func TestEveryFaultAtOnce(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"wrong format": {
			"apiVersion: cri-logshim.io/v2\nkind: Config\n",
			`c.yaml:1: apiVersion: must be cri-logshim.io/v1alpha1, is "cri-logshim.io/v2"
c.yaml:2: kind: must be Configuration, is "Config"; did you mean Configuration?`,
		},
		"no format": {
			"mode: proxy\n",
			`c.yaml: apiVersion: must be cri-logshim.io/v1alpha1, is missing or empty
c.yaml: kind: must be Configuration, is missing or empty`,
		},
		"two documents": {
			head + "---\n" + head,
			`c.yaml:3: holds more than one document; must hold one`,
		},
		"second document broken": {
			head + "---\n}\n",
			`c.yaml:3: not YAML at or after this line: did not find expected node content`,
		},
		"duplicates": {
			head + "mode: proxy\nlog:\n  level: info\n  level: debug\nmode: proxy\n",
			`c.yaml:6: log.level: is set twice, first on line 5
c.yaml:7: mode: is set twice, first on line 3`,
		},
		"unknown": {
			head + "lisen: x\nlinks:\n  LegacyDir: /x\n\"a\\nb\": c\n<<: {mode: proxy}\n",
			`c.yaml:3: lisen: unknown setting; did you mean listen?
c.yaml:5: links.LegacyDir: unknown setting; did you mean legacyDir?
c.yaml:6: "a\nb": unknown setting; known here: apiVersion, kind, mode, listen, kubeletEndpoint, runtimeEndpoint, imageEndpoint, docker, drainTimeout, podLogsDir, rotation, files, policies, annotations, node, keepDir, links, admin, log
c.yaml:7: "<<": unknown setting; known here: apiVersion, kind, mode, listen, kubeletEndpoint, runtimeEndpoint, imageEndpoint, docker, drainTimeout, podLogsDir, rotation, files, policies, annotations, node, keepDir, links, admin, log`,
		},
		"wrong shapes": {
			head + "mode: [proxy]\nrotation: 5\nlog: [info]\npolicies: {}\nadmin:\n  ? [a]\n  : b\nlisten: !!binary dW5peA==\nlinks:\n  legacyDir:\n",
			`c.yaml:3: mode: must be a single value, is a list
c.yaml:4: rotation: must be a mapping of settings, is the single value "5"
c.yaml:5: log: must be a mapping of settings, is a list
c.yaml:6: policies: must be a list, is a mapping
c.yaml:8: admin: a key must be a name, is a list
c.yaml:10: listen: must be a single value, is "dW5peA==" with the tag !!binary
c.yaml:12: links.legacyDir: has no value; leave it out for the default, or write ""`,
		},
		"not a mapping": {
			"- a\n",
			`c.yaml: apiVersion: must be cri-logshim.io/v1alpha1, is missing or empty
c.yaml: kind: must be Configuration, is missing or empty
c.yaml:1: must be a mapping of settings, is a list`,
		},
		"a list that holds itself": {
			head + "policies: &p\n- *p\n",
			`c.yaml:3: policies[0]: must be a mapping of settings, is a list`,
		},
		"lines below a section": {
			head + "\n# comment\nrotation: {maxSize: 0,\n  maxFiles: 1}\n",
			`c.yaml:5: rotation.maxSize: must be at least 4Ki, or negative to turn rotation off, is 0
c.yaml:6: rotation.maxFiles: must be at least 2, is 1`,
		},
		"policies": {
			head + `policies:
- match: {namespace: "[", container: "a\\", podLabels: {a: b, a: c, "": {}}}
  rotation: {maxSize: 0, maxFiles: 1, maxFilesUnread: -1, maxAge: -1s, deleteAfter: 1ms, maxTotalSize: -1, compression: lz4, compressAfter: -1s, keepAfterRemoval: -1s}
- match:
`,
			`c.yaml:4: policies[0].match.podLabels.a: is set twice, first on line 4
c.yaml:4: policies[0].match.podLabels."": must be a single value, is a mapping
c.yaml:4: policies[0].match.namespace: must be a shell pattern such as batch-*, is "["
c.yaml:4: policies[0].match.container: must be a shell pattern such as batch-*, is "a\\"
c.yaml:5: policies[0].rotation.maxSize: must be at least 4Ki, or negative to turn rotation off, is 0
c.yaml:5: policies[0].rotation.maxFiles: must be at least 2, is 1
c.yaml:5: policies[0].rotation.maxFilesUnread: must be at least 0, is -1
c.yaml:5: policies[0].rotation.maxAge: must be at least 1s, or 0s for off, is -1s
c.yaml:5: policies[0].rotation.deleteAfter: must be at least 1s, or 0s for off, is 1ms
c.yaml:5: policies[0].rotation.maxTotalSize: must be at least 4Ki, or 0 for off, is -1
c.yaml:5: policies[0].rotation.compression: must be none or gzip or zstd, is "lz4"
c.yaml:5: policies[0].rotation.compressAfter: must be at least 0s, is -1s
c.yaml:5: policies[0].rotation.keepAfterRemoval: must be at least 0s, is -1s
c.yaml:6: policies[1].rotation: must say what holds; {} leaves all to the node's rotation`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := config.Parse("c.yaml", []byte(test.text))
			if err == nil {
				t.Fatal("accepted")
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
