package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/config"
)

// TestRefused holds, for every setting, the values just beyond what is
// allowed; each is one fault, with the line of the value, that speaks of the
// setting and says the words.
func TestRefused(t *testing.T) {
	tooLong := "unix:///" + strings.Repeat("x", 107)
	for _, test := range []struct{ text, path, words string }{
		{"mode: Proxy", "mode", `must be observe or manage or proxy, is "Proxy"`},
		{`mode: ""`, "mode", "is missing or empty"},

		{`listen: ""`, "listen", "must be unix://"},
		{"listen: /run/x.sock", "listen", "must be unix://"},
		{"listen: unix://x.sock", "listen", "absolute path"},
		{"listen: unix:/x.sock", "listen", "must be unix://"},
		{"listen: tcp://127.0.0.1:1", "listen", "must be unix://"},
		{"listen: UNIX:///x.sock", "listen", "must be unix://"},
		{"listen: " + tooLong, "listen", "must not be longer than 107 bytes, is 108"},
		{"listen: unix:///", "listen", "must name a socket"},
		{"listen: unix:///run/", "listen", "without trailing slash"},
		{"listen: unix:////run/x.sock", "listen", "without trailing slash, //"},
		{"listen: unix:///run/../x.sock", "listen", "or .."},
		{"listen: unix:///run/x%20y.sock", "listen", "must not hold %"},
		{"listen: unix:///run/x.sock?a", "listen", "must not hold %, ?"},
		{"listen: unix:///run/x.sock#a", "listen", "must not hold %, ?, #"},
		{`listen: "unix:///run/x\0.sock"`, "listen", "control characters"},
		{"runtimeEndpoint: /run/x.sock", "runtimeEndpoint", "must be unix://"},
		{`runtimeEndpoint: ""`, "runtimeEndpoint", "must be unix://"},
		{"imageEndpoint: x", "imageEndpoint", "must be unix://"},
		{"runtimeEndpoint: unix:///run/cri-logshim/cri-logshim.sock", "runtimeEndpoint", "must not be the same as listen"},
		{"imageEndpoint: unix:///run/cri-logshim/cri-logshim.sock", "imageEndpoint", "must not be the same as listen"},

		{"kubeletEndpoint: /run/x.sock", "kubeletEndpoint", "must be unix://"},
		{"kubeletEndpoint: unix:///run/cri-logshim/cri-logshim.sock", "kubeletEndpoint", "must not be the same as listen"},
		{"kubeletEndpoint: unix:///run/containerd/containerd.sock", "kubeletEndpoint", "must not be the same as runtimeEndpoint"},
		{"kubeletEndpoint: unix:///run/x.sock\nimageEndpoint: unix:///run/x.sock", "kubeletEndpoint", "must not be the same as imageEndpoint"},
		{"admin: {listen: unix:///run/cri-logshim/kubelet.sock}", "admin.listen", "must not be the same as kubeletEndpoint"},

		{"docker: {endpoint: /run/docker.sock}", "docker.endpoint", "must be unix://"},
		{"docker: {endpoint: tcp://127.0.0.1:2375}", "docker.endpoint", "must be unix://"},
		{"docker: {endpoint: unix:///run/cri-logshim/cri-logshim.sock}", "docker.endpoint", "must not be the same as listen"},
		{"docker: {endpoint: unix:///run/containerd/containerd.sock}", "docker.endpoint", "must not be the same as runtimeEndpoint"},
		{"docker: {endpoint: unix:///run/x.sock}\nimageEndpoint: unix:///run/x.sock", "docker.endpoint", "must not be the same as imageEndpoint"},
		{"docker: {endpoint: unix:///run/cri-logshim/kubelet.sock}", "docker.endpoint", "must not be the same as kubeletEndpoint"},
		{"admin: {listen: unix:///run/docker.sock}", "admin.listen", "must not be the same as docker.endpoint"},
		{"admin: {metrics: unix:///run/docker.sock}", "admin.metrics", "must not be the same as docker.endpoint"},
		{"docker: unix:///run/docker.sock", "docker", "must be a mapping"},

		{"runtimeEndpoint: unix:///run/docker.sock", "runtimeEndpoint", "is Docker's own API; CRI is served for Docker by cri-dockerd"},
		{"runtimeEndpoint: unix:///var/run/docker.sock", "runtimeEndpoint", "is Docker's own API"},
		{"imageEndpoint: unix:///var/run/docker.sock", "imageEndpoint", "is Docker's own API"},
		{"runtimeEndpoint: unix:///run/docker.sock\ndocker: {endpoint: unix:///run/x.sock}", "runtimeEndpoint", "is Docker's own API"},
		{"runtimeEndpoint: unix:///run/x.sock\nlisten: unix:///var/run/x.sock", "runtimeEndpoint", "must not be the same as listen"},
		{"docker: {endpoint: unix:///var/run/containerd/containerd.sock}", "docker.endpoint", "must not be the same as runtimeEndpoint"},
		{"admin: {listen: unix:///var/run/x.sock}\ndocker: {endpoint: unix:///run/x.sock}", "admin.listen", "must not be the same as docker.endpoint"},
		{"docker: {socket: unix:///run/docker.sock}", "docker.socket", ""},
		{"docker: {endpoint: }", "docker.endpoint", "has no value"},

		{"drainTimeout: -1ns", "drainTimeout", "must be from 0s to 1m0s"},
		{"drainTimeout: 61s", "drainTimeout", "must be from 0s to 1m0s, is 1m1s"},
		{"drainTimeout: 5", "drainTimeout", "must be a duration"},
		{"drainTimeout: 1d", "drainTimeout", "must be a duration"},
		{`drainTimeout: ""`, "drainTimeout", "must be a duration"},
		{"drainTimeout: 2562048h", "drainTimeout", "must be a duration"},
		{"podLogsDir: var/log/pods", "podLogsDir", "absolute path"},
		{"podLogsDir: /var/log/pods/", "podLogsDir", "trailing slash"},
		{"podLogsDir: /", "podLogsDir", "absolute path"},
		{`podLogsDir: ""`, "podLogsDir", "absolute path"},
		{`podLogsDir: "/a\0b"`, "podLogsDir", "absolute path"},

		{"rotation: {maxSize: 0}", "rotation.maxSize", "at least 4Ki, or negative to turn rotation off, is 0"},
		{`rotation: {maxSize: ""}`, "rotation.maxSize", "at least 4Ki, or negative to turn rotation off, is 0"},
		{"rotation: {maxSize: 1}", "rotation.maxSize", "at least 4Ki, or negative to turn rotation off, is 1 (bytes); did you mean 1Mi?"},
		{"rotation: {maxSize: 50}", "rotation.maxSize", "is 50 (bytes); did you mean 50Mi?"},
		{"rotation: {maxSize: 4095}", "rotation.maxSize", "at least 4Ki, or negative to turn rotation off, is 4095 (bytes); did you mean 4095Mi?"},
		{"rotation: {maxSize: 1Ki}", "rotation.maxSize", "at least 4Ki, or negative to turn rotation off, is 1Ki"},
		{"policies: [{rotation: {maxSize: 50}}]", "policies[0].rotation.maxSize", "did you mean 50Mi?"},
		{"rotation: {maxSize: 512}", "rotation.maxSize", "is 512 (bytes); did you mean 512Mi?"},
		{"rotation: {maxSize: 1.3Ki}", "rotation.maxSize", "must be a whole number of bytes, is 1.3Ki"},
		{"rotation: {maxSize: 100m}", "rotation.maxSize", "m is milli"},
		{"rotation: {maxSize: -100m}", "rotation.maxSize", "whole number"},
		{"rotation: {maxSize: 0.5}", "rotation.maxSize", "whole number"},
		{"rotation: {maxSize: 1n}", "rotation.maxSize", "whole number"},
		{"rotation: {maxSize: 8Ei}", "rotation.maxSize", "below 8Ei"},
		{"rotation: {maxSize: 9223372036854775808}", "rotation.maxSize", "below 8Ei"},
		{"rotation: {maxSize: 1e99}", "rotation.maxSize", "below 8Ei"},
		{"rotation: {maxSize: 1e999999999}", "rotation.maxSize", "must be a quantity"},
		{"rotation: {maxSize: 1e-999999999}", "rotation.maxSize", "must be a quantity"},
		{"rotation: {maxSize: 0" + strings.Repeat("0", 64) + "1}", "rotation.maxSize", "must be a quantity"},
		{"rotation: {maxSize: -8Ei}", "rotation.maxSize", "below 8Ei"},
		{"rotation: {maxSize: 10MB}", "rotation.maxSize", "must be a quantity"},
		{"rotation: {maxSize: 10 Mi}", "rotation.maxSize", "must be a quantity"},
		{"rotation: {maxSize: 0x10}", "rotation.maxSize", "must be a quantity"},
		{"rotation: {maxSize: .inf}", "rotation.maxSize", "must be a quantity"},
		{"rotation: {maxFiles: 1}", "rotation.maxFiles", "at least 2, is 1"},
		{"rotation: {maxFiles: -5}", "rotation.maxFiles", "at least 2, is -5"},
		{"rotation: {maxFiles: 5.0}", "rotation.maxFiles", "whole number"},
		{`rotation: {maxFiles: "5"}`, "rotation.maxFiles", `must be a whole number without quotes, is "5"`},
		{"rotation: {maxFiles: '5'}", "rotation.maxFiles", `must be a whole number without quotes, is "5"`},
		{`annotations: {enabled: "true"}`, "annotations.enabled", `must be true or false without quotes, is "true"`},
		{"rotation: {maxFiles: 9223372036854775808}", "rotation.maxFiles", "a whole number that is not as large as 9223372036854775808"},
		{"rotation: {maxFiles: 99999999999999999999}", "rotation.maxFiles", "a whole number that is not as large as 99999999999999999999"},
		{"rotation: {maxFilesUnread: -1}", "rotation.maxFilesUnread", "at least 0"},
		{"rotation: {maxFilesUnread: many}", "rotation.maxFilesUnread", "whole number"},
		{"rotation: {compression: GZIP}", "rotation.compression", "none or gzip or zstd"},
		{`rotation: {compression: ""}`, "rotation.compression", "missing or empty"},
		{"rotation: {compressAfter: -1s}", "rotation.compressAfter", "at least 0s"},
		{"rotation: {compressAfter: 99999999h}", "rotation.compressAfter", "(too long; the longest is 2562047h)"},
		{"rotation: {compressAfter: 1d}", "rotation.compressAfter", "(there is no unit for days; did you mean 24h?)"},
		{"rotation: {compressAfter: soon}", "rotation.compressAfter", "must be a duration"},
		{"rotation: {maxAge: 1}", "rotation.maxAge", "must be a duration"},
		{"rotation: {maxAge: -1s}", "rotation.maxAge", "at least 1s, or 0s for off, is -1s"},
		{"rotation: {maxAge: 999ms}", "rotation.maxAge", "at least 1s, or 0s for off, is 999ms"},
		{"rotation: {maxAge: 2562048h}", "rotation.maxAge", "must be a duration"},
		{"rotation: {maxAge: 1h, maxSize: -1}", "rotation.maxAge", "must be 0s for off where maxSize (-1) turns rotation off, is 1h0m0s"},
		{"policies: [{rotation: {maxSize: -1}}]\nrotation: {maxAge: 1h}", "policies[0].rotation.maxSize", "must not turn rotation off while maxAge is 1h0m0s, is -1"},
		{"rotation: {deleteAfter: -1s}", "rotation.deleteAfter", "at least 1s, or 0s for off, is -1s"},
		{"rotation: {deleteAfter: 999ms}", "rotation.deleteAfter", "at least 1s, or 0s for off, is 999ms"},
		{"rotation: {deleteAfter: 7d}", "rotation.deleteAfter", "must be a duration"},
		{"rotation: {maxTotalSize: 1.5}", "rotation.maxTotalSize", "whole number"},
		{"rotation: {maxTotalSize: 100m}", "rotation.maxTotalSize", "m is milli"},
		{"rotation: {maxTotalSize: -1}", "rotation.maxTotalSize", "at least 4Ki, or 0 for off, is -1"},
		{"rotation: {maxTotalSize: 100}", "rotation.maxTotalSize", "at least 4Ki, or 0 for off, is 100 (bytes); did you mean 100Mi?"},
		{"rotation: {maxSize: -1, maxTotalSize: 1}", "rotation.maxTotalSize", "did you mean 1Mi?"},
		{"rotation: {maxTotalSize: 8Ei}", "rotation.maxTotalSize", "below 8Ei"},
		{"rotation: {maxTotalSize: 10485759}", "rotation.maxTotalSize", "at least maxSize (10Mi), or 0 for off, is 10485759"},
		{"rotation: {maxTotalSize: 1Gi, maxSize: 2Gi}", "rotation.maxTotalSize", "at least maxSize (2Gi), or 0 for off, is 1Gi"},
		{"rotation: {keepAfterRemoval: week}", "rotation.keepAfterRemoval", "must be a duration"},
		{"rotation: {keepAfterRemoval: -1s}", "rotation.keepAfterRemoval", "at least 0s, is -1s"},
		{"rotation: {keepAfterRemoval: 1h}\nkeepDir: ''", "rotation.keepAfterRemoval", "needs keepDir, which is empty"},
		{"rotation: {compression: lz4}", "rotation.compression", `none or gzip or zstd, is "lz4"`},
		{"rotation: {max-files: 3}", `rotation.max-files`, "unknown setting; did you mean maxFiles?"},
		{"rotation: {maxSise: 3}", `rotation.maxSise`, "unknown setting; did you mean maxSize?"},
		{"rotation: {maxSzie: 3}", `rotation.maxSzie`, "unknown setting; did you mean maxSize?"},
		{"rotation: {size: 3}", `rotation.size`, "unknown setting; known here: maxSize, maxFiles, maxFilesUnread, maxAge, deleteAfter, maxTotalSize, compression, compressAfter, keepAfterRemoval"},

		{"maxSize: 50Mi", "maxSize", "unknown setting; did you mean rotation.maxSize?"},
		{"minfree: 5%", "minfree", "unknown setting; did you mean node.minFree?"},
		{"rotation: true", "rotation", `must be a mapping of settings, is the single value "true"`},
		{"annotations: false", "annotations", `is the single value "false"; did you mean {enabled: false}?`},
		{"policies: [{match: {podLabels: []}, rotation: {maxFiles: 3}}]", "policies[0].match.podLabels", "must be a mapping of names and values, is a list"},
		{"policies: {rotation: {maxFiles: 3}}", "policies", "must be a list"},
		{"policies: [{rotations: {maxFiles: 3}, rotation: {maxFiles: 3}}]", "policies[0].rotations", "did you mean rotation?"},
		{"policies: [{rotation: {maxsize: 1Mi}}]", "policies[0].rotation.maxsize", "did you mean maxSize?"},
		{"policies: [{annotations: maybe}]", "policies[0].annotations", "must be true or false"},
		{"policies: [{annotations: {enabled: false}}]", "policies[0].annotations", "must be a single value, is a mapping"},
		{"policies: [{match: {container: app}}]", "policies[0].rotation", "must say what holds; {} leaves all to the node's rotation"},
		{"policies: [{rotation: {maxSize: lots}}]", "policies[0].rotation.maxSize", "must be a quantity"},
		{"policies: [{rotation: {maxSize: }}]", "policies[0].rotation.maxSize", "has no value"},
		{"policies: [{rotation: {maxTotalSize: 1Mi}}]", "policies[0].rotation.maxTotalSize", "at least maxSize (10Mi), or 0 for off, is 1Mi"},
		{"policies: [{rotation: {maxSize: 20Mi}}]\nrotation: {maxTotalSize: 15Mi}", "policies[0].rotation.maxSize", "not be above maxTotalSize (15Mi), is 20Mi"},
		{"policies: [{rotation: {keepAfterRemoval: 1h}}]\nkeepDir: ''", "policies[0].rotation.keepAfterRemoval", "needs keepDir"},
		{"policies: [{match: {podLabels: {a/b/c: x}}, rotation: {maxFiles: 3}}]", "policies[0].match.podLabels.a/b/c", "no label that a pod can have: the key"},
		{"policies: [{match: {podLabels: {io.kubernetes.pod.name: x}}, rotation: {maxFiles: 3}}]", "policies[0].match.podLabels.io.kubernetes.pod.name", "kubelet's own label"},
		{"policies: [{match: {podLabels: {'A B': x}}, rotation: {maxFiles: 3}}]", `policies[0].match.podLabels."A B"`, "no label that a pod can have: the key"},
		{"policies: [{match: {podLabels: {a: '*'}}, rotation: {maxFiles: 3}}]", "policies[0].match.podLabels.a", `the value must be at most 63 letters, digits, -, _ and ., with a letter or digit at both ends, is "*"`},

		{"files: {group: 'a b'}", "files.group", "the name or number of a group"},
		{"files: {group: -1}", "files.group", "the name or number of a group"},
		{"files: {mode: 0400}", "files.mode", "must let the owner read and write"},
		{"files: {mode: 0666}", "files.mode", "others not write"},
		{"files: {mode: 0750}", "files.mode", "nobody execute"},
		{"files: {mode: 4640}", "files.mode", "nobody execute"},

		{"files: {mode: 0888}", "files.mode", "octal"},
		{"files: {mode: rw-r-----}", "files.mode", "octal"},
		{"files: {mode: 0000}", "files.mode", "octal"},
		{"files: {mode: 40}", "files.mode", "octal"},
		{"files: {mode: 00640}", "files.mode", "octal"},
		{"files: {mode: 0o640}", "files.mode", "octal"},
		{"annotations: {enabled: maybe}", "annotations.enabled", "true or false"},
		{"annotations: {ceiling: {maxSize: x}}", "annotations.ceiling.maxSize", "quantity"},
		{"annotations: {ceiling: {maxFiles: x}}", "annotations.ceiling.maxFiles", "whole number"},
		{"annotations: {ceiling: {keepAfterRemoval: x}}", "annotations.ceiling.keepAfterRemoval", "duration"},
		{"annotations: {ceiling: {maxSize: 0}}", "annotations.ceiling.maxSize", "at least 4Ki, is 0"},
		{"annotations: {ceiling: {maxSize: 200}}", "annotations.ceiling.maxSize", "did you mean 200Mi?"},
		{"annotations: {ceiling: {maxSize: -1}}", "annotations.ceiling.maxSize", "at least 4Ki, is -1"},
		{"annotations: {ceiling: {maxSize: 100m}}", "annotations.ceiling.maxSize", "m is milli"},
		{"annotations: {ceiling: {maxFiles: 1}}", "annotations.ceiling.maxFiles", "at least 2, is 1"},
		{"annotations: {ceiling: {keepAfterRemoval: -1s}}", "annotations.ceiling.keepAfterRemoval", "at least 0s, is -1s"},
		{"annotations: {enabled: false, ceiling: {maxFiles: -1}}", "annotations.ceiling.maxFiles", "at least 0, is -1"},
		{"annotations: {enabled: false, ceiling: {maxSize: -1}}", "annotations.ceiling.maxSize", "at least 0, is -1"},
		{"annotations: {ceiling: {maxAge: 1h}}", "annotations.ceiling.maxAge", "unknown setting; known here: maxSize, maxFiles, keepAfterRemoval"},
		{"node: {maxBytes: 10%}", "node.maxBytes", "must be a quantity"},
		{"node: {maxBytes: -1}", "node.maxBytes", "at least 1Mi, or 0 for off, is -1"},
		{"node: {maxBytes: 1048575}", "node.maxBytes", "at least 1Mi, or 0 for off, is 1048575 (bytes)"},
		{"node: {maxBytes: 500}", "node.maxBytes", "is 500 (bytes); did you mean 500Mi?"},
		{"node: {maxBytes: 100m}", "node.maxBytes", "m is milli"},
		{"node: {maxBytes: 8Ei}", "node.maxBytes", "below 8Ei"},
		{"node: {minFree: 0%}", "node.minFree", "above 0%"},
		{"node: {minFree: 100%}", "node.minFree", "below 100%"},
		{"node: {minFree: -1%}", "node.minFree", "percentage such as 12%"},
		{"node: {minFree: 1e1%}", "node.minFree", "percentage such as 12%"},
		{"node: {minFree: 1.2.3%}", "node.minFree", "percentage such as 12%"},
		{`node: {minFree: "%"}`, "node.minFree", "percentage such as 12%"},
		{"node: {minFree: lots}", "node.minFree", "quantity such as 10Mi, is \"lots\", or a percentage"},
		{"node: {minFreeInodes: 0.5}", "node.minFreeInodes", "whole number"},
		{"node: {minFreeInodes: -5}", "node.minFreeInodes", "must not be negative"},

		{"keepDir: kept", "keepDir", "absolute path"},
		{"keepDir: /var/log/pods/kept", "keepDir", "neither inside nor around podLogsDir"},
		{"keepDir: /var/log/containers", "keepDir", "neither inside nor around links.legacyDir"},

		{"links: {legacyDir: x}", "links.legacyDir", "absolute path"},
		{"links: {legacyDir: /var/log/pods}", "links.legacyDir", "neither inside nor around podLogsDir"},
		{"links: {legacyDir: /var/log/pods/x}", "links.legacyDir", "neither inside nor around podLogsDir"},
		{"links: {legacyDir: /var/log}\nkeepDir: ''", "links.legacyDir", "neither inside nor around podLogsDir"},
		{"admin: {listen: 127.0.0.1:1}", "admin.listen", "must be unix://"},
		{"admin: {listen: unix:///run/containerd/containerd.sock}", "admin.listen", "must not be the same as runtimeEndpoint"},
		{"admin: {listen: unix:///run/cri-logshim/cri-logshim.sock}", "admin.listen", "must not be the same as listen"},
		{"admin: {metrics: 127.0.0.1}", "admin.metrics", "must be host:port"},
		{"admin: {tls: {certFile: /a, keyFile: b}}", "admin.tls.keyFile", "must be an absolute path"},
		{"admin: {tls: {certFile: /a}}", "admin.tls.keyFile", "must name a file"},
		{"admin: {tls: {clientCAFile: /a, keyFile: /b}}", "admin.tls.certFile", "must name a file"},
		{"admin: {metrics: '', tls: {certFile: /a, keyFile: /b}}", "admin.tls", "is for admin.metrics as host:port only"},
		{"admin: {metrics: 'unix:///run/m.sock', tls: {certFile: /a, keyFile: /b}}", "admin.tls", "is for admin.metrics as host:port only"},
		{"admin: {metrics: 9465}", "admin.metrics", "must be host:port"},
		{"admin: {metrics: '127.0.0.1:'}", "admin.metrics", "port must be a number"},
		{"admin: {metrics: '127.0.0.1:http'}", "admin.metrics", "port must be a number"},
		{"admin: {metrics: '127.0.0.1:65536'}", "admin.metrics", "port must be a number"},
		{"admin: {metrics: '::1:9465'}", "admin.metrics", "must be host:port"},
		{"admin: {metrics: 'a b:9465'}", "admin.metrics", "must be host:port"},
		{"admin: {metrics: 'http://a:9465'}", "admin.metrics", "must be host:port"},
		{"admin: {metrics: unix://m.sock}", "admin.metrics", "must be unix://"},
		{"admin: {metrics: unix:///run/cri-logshim/admin.sock}", "admin.metrics", "must not be the same as admin.listen"},
		{"log: {level: fatal}", "log.level", "trace or debug or info or warn or error"},
		{"log: {level: warning}", "log.level", "; did you mean warn?"},
		{"log: {level: err}", "log.level", "; did you mean error?"},
		{"rotation: {compression: zst}", "rotation.compression", "; did you mean zstd?"},
		{"log: {format: logfmt}", "log.format", "text or json"},
	} {
		t.Run(test.text, func(t *testing.T) {
			_, _, err := config.Parse("c.yaml", []byte(head+"\n"+test.text+"\n"))
			var fault config.Fault
			if !errors.As(err, &fault) {
				t.Fatalf("not refused: %v", err)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one fault:\n%v", err)
			}
			if fault.File != "c.yaml" || fault.Line != 4 || fault.Path != test.path {
				t.Errorf("is about %s line %d setting %s, want c.yaml line 4 setting %s", fault.File, fault.Line, fault.Path, test.path)
			}
			if !strings.Contains(fault.Message, test.words) {
				t.Errorf("message %q does not say %q", fault.Message, test.words)
			}
		})
	}
}

// TestValidate is for configurations that did not come from a file.
func TestValidate(t *testing.T) {
	if err := config.Default().Validate(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
	c := config.Default()
	c.Listen = "x"
	c.Files.Group = "a b"
	c.Files.Mode = 0o777
	c.Annotations.Ceiling.MaxFiles = 1
	c.Node.MinFree = config.Floor{Percent: 5, Amount: 5}
	c.KeepDir = "/var/log/pods/kept"
	err := c.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, path := range []string{
		"listen: must", "files.group: must", "files.mode: must", "annotations.ceiling.maxFiles: must",
		"node.minFree: must", "keepDir: must",
	} {
		if !strings.Contains("\n"+err.Error(), "\n"+path) {
			t.Errorf("no fault %q in:\n%v", path, err)
		}
	}
}

// TestChecks holds that what a check finds stands among the faults of the file, at its
// line, and that a setting which cannot be read has no second fault.
func TestChecks(t *testing.T) {
	check := func(c config.Configuration) []config.Fault {
		return []config.Fault{{Path: "files.group", Message: "unknown here: " + c.Files.Group}}
	}
	for text, want := range map[string]string{
		"files:\n  group: web": "c.yaml:4: files.group: unknown here: web",
		"files:\n  group: web\nrotation: {maxFiles: 1}": "c.yaml:4: files.group: unknown here: web\n" +
			"c.yaml:5: rotation.maxFiles: must be at least 2, is 1",
		"files:\n  group: []": "c.yaml:4: files.group: must be a single value, is a list",
	} {
		_, _, err := config.Parse("c.yaml", []byte(head+text+"\n"), check)
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v\nwant %s", text, err, want)
		}
	}
}

// TestHintsThatDoNotFit holds what is not to be suggested.
func TestHintsThatDoNotFit(t *testing.T) {
	for text, words := range map[string]string{
		"rotation: {maxSize: 0.5Ki}":                   "did you mean",
		"rotation: {maxSize: 0.5k}":                    "did you mean",
		"rotation: {maxSize: }":                        `""`,
		"rotation: {maxFiles: }":                       `""`,
		"rotation: {compression: }":                    `""`,
		"rotation: {compression: lz4}":                 "did you mean",
		"rotation: {compressAfter: 99999d}":            "there is no unit",
		"rotation: {maxFiles: 5.5}":                    "as large as",
		"rotation: {maxFiles: '99999999999999999999'}": "as large as",
	} {
		_, _, err := config.Parse("c.yaml", []byte(head+"\n"+text+"\n"))
		if err == nil {
			t.Errorf("%s is not refused", text)
		} else if strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
