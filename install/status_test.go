package install

import (
	"bytes"
	"strings"
	"testing"
)

// Whatever keeps kubelet from a runtime, or its calls from cri-logshim, is warned of, and with what
// to do; where all is well, or nothing is installed, nobody is warned.
func TestStatusWarns(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(n *node)
		says    []string // of the text
		warns   string   // each warning has one of these words; none: there is none
	}{
		"nothing is installed": {func(*node) {}, []string{"installation: absent", "kubelet's endpoint: " + containerd}, ""},
		"installed":            {(*node).installed, []string{"installation: installed", "mode: proxy", "kubelet.sock (cri-logshim)", "service: active, enabled"}, ""},
		"a bypass": {
			func(n *node) { n.installed(); n.bypass("manual") },
			[]string{"kubelet.sock (the runtime itself, /run/containerd/containerd.sock)", "bypass: manual since 2026-01-02T03:04:05Z: a slow call"},
			"cri-logshim bypass off",
		},
		"a removed package": {
			func(n *node) {
				n.installed()
				n.bypass("manual")
				clear(n.active)
				clear(n.enabled)
			},
			[]string{"service: inactive, not enabled", "the runtime itself"},
			"until the next boot|does not start at boot",
		},
		"after the next boot": {
			func(n *node) {
				n.installed()
				clear(n.active)
				clear(n.enabled)
				n.gone("run/cri-logshim/kubelet.sock")
			},
			[]string{"leads nowhere now"},
			"has no runtime",
		},
		"another mode in force": {
			func(n *node) {
				n.installed()
				n.inForce = "\nmode: manage"
				n.lead()
			},
			[]string{"the runtime itself"},
			"systemctl reload cri-logshim",
		},
		"another mode in the file": {
			func(n *node) {
				n.installed()
				n.put(configPath, bareConfig+"mode: manage\n", 0o644)
			},
			[]string{"mode: manage"},
			"systemctl reload cri-logshim|node install",
		},
		"dockershim inside kubelet": {
			func(n *node) {
				n.dockershimUntold()
				n.put(configPath, bareConfig+"mode: manage\n", 0o644)
				n.installed()
			},
			[]string{"kubelet's endpoint: " + dockershimEndpoint + " (kubelet itself", "own rotation: off, as it has none"},
			"",
		},
		"dockershim inside kubelet, and another runtime": {
			func(n *node) {
				n.dockershimUntold()
				n.put(configPath, bareConfig+"mode: manage\n", 0o644)
				n.installed()
				n.put(configPath, bareConfig+"mode: manage\n", 0o644)
			},
			[]string{"mode: manage"},
			"looks after another runtime",
		},
		"dockershim inside kubelet, and proxy": {
			func(n *node) {
				n.dockershimUntold()
				n.put(configPath, bareConfig+"mode: manage\n", 0o644)
				n.installed()
				n.put(configPath, bareConfig+"mode: proxy\n", 0o644)
			},
			[]string{"mode: proxy"},
			"nothing can stand between them",
		},
		"an endpoint that nothing sets": {
			func(n *node) {
				n.replace("var/lib/kubelet/config.yaml", "containerRuntimeEndpoint: "+containerd+"\n", "")
			},
			[]string{"kubelet's endpoint: not set in its files"},
			"",
		},
		"files written anew": {
			func(n *node) {
				n.installed()
				n.replace("var/lib/kubelet/config.yaml", n.shim, n.at)
			},
			[]string{"/var/lib/kubelet/config.yaml: changed by others"},
			"do not lead to cri-logshim any more",
		},
	} {
		t.Run(name, func(t *testing.T) {
			n, _ := newNode(t, "kubeadm.txtar")
			test.prepare(n)
			before := n.files()
			s, err := n.installer(Options{}).Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			n.same("looked at", before)
			var text bytes.Buffer
			if err := s.Print(&text); err != nil {
				t.Fatal(err)
			}
			for _, words := range test.says {
				if !strings.Contains(text.String(), words) {
					t.Errorf("it does not say %q", words)
				}
			}
			for _, warning := range s.Warnings {
				if test.warns == "" || !containsAny(warning, strings.Split(test.warns, "|")) {
					t.Errorf("it warns: %s", warning)
				}
			}
			if test.warns != "" && len(s.Warnings) == 0 || len(s.Trouble) > 0 {
				t.Errorf("no warning, or trouble: %q", s.Trouble)
			}
			t.Log("\n" + text.String())
		})
	}
}

func containsAny(text string, words []string) bool {
	for _, word := range words {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}
