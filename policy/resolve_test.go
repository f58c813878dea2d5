package policy_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/policy"
)

const file = `apiVersion: cri-logshim.io/v1alpha1
kind: Configuration
rotation:
  maxSize: 20Mi
  compressAfter: 1m
policies:
- match: {namespace: "batch-*", podLabels: {tier: noisy, team: ""}, container: "app*"}
  rotation: {maxSize: 50Mi, maxFiles: 3}
- match: {namespace: batch-1}
  rotation: {deleteAfter: 24h}
- match: {container: "[ab]?"}
  rotation: {compression: zstd}
- rotation: {maxFilesUnread: 7}
`

// parse returns a Resolver for a configuration file.
func parse(t *testing.T, text string) *policy.Resolver {
	t.Helper()
	c, lines, err := config.Parse("c.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return policy.New(c, lines)
}

// values returns what a resolution shows, as "value from source" by setting.
func values(res policy.Resolution) map[string]string {
	shown := map[string]string{}
	for _, s := range res.Settings() {
		shown[s.Name] = s.Value + " from " + s.Source.String()
	}
	return shown
}

// TestPrecedence holds which place decides, for each setting on its own, and
// that it is named.
func TestPrecedence(t *testing.T) {
	everybody := map[string]string{
		"maxSize": "20Mi from rotation.maxSize (line 4)", "maxFiles": "5 from default", "maxFilesUnread": "10 from default",
		"maxAge": "off from default", "deleteAfter": "off from default", "maxTotalSize": "off from default",
		"compression": "gzip from default", "compressAfter": "1m0s from rotation.compressAfter (line 5)",
		"keepAfterRemoval": "off from default",
	}
	noisy := map[string]string{"tier": "noisy", "team": "", "other": "x"}
	for name, test := range map[string]struct {
		container logmgr.Container
		others    map[string]string
	}{
		"no rule but the last": {
			logmgr.Container{Namespace: "web", Name: "app", PodLabels: noisy},
			map[string]string{"maxFilesUnread": "7 from policies[3] (line 13)"},
		},
		"all of the first": {
			logmgr.Container{Namespace: "batch-1", Name: "app-2", PodLabels: noisy},
			map[string]string{"maxSize": "50Mi from policies[0] (line 7)", "maxFiles": "3 from policies[0] (line 7)"},
		},
		"a label has another value": {
			logmgr.Container{Namespace: "batch-1", Name: "app", PodLabels: map[string]string{"tier": "quiet", "team": ""}},
			map[string]string{"deleteAfter": "24h0m0s from policies[1] (line 9)"},
		},
		"an empty label is not an absent one": {
			logmgr.Container{Namespace: "batch-1", Name: "app", PodLabels: map[string]string{"tier": "noisy"}},
			map[string]string{"deleteAfter": "24h0m0s from policies[1] (line 9)"},
		},
		"no labels": {
			logmgr.Container{Namespace: "batch-1", Name: "app"},
			map[string]string{"deleteAfter": "24h0m0s from policies[1] (line 9)"},
		},
		"another container": {
			logmgr.Container{Namespace: "batch-2", Name: "a1", PodLabels: noisy},
			map[string]string{"compression": "zstd from policies[2] (line 11)"},
		},
		"a pattern is for the whole name": {
			logmgr.Container{Namespace: "my-batch-1", Name: "a12", PodLabels: noisy},
			map[string]string{"maxFilesUnread": "7 from policies[3] (line 13)"},
		},
		"annotation of the pod": {
			logmgr.Container{Namespace: "batch-1", Name: "app", PodLabels: noisy, PodAnnotations: map[string]string{
				"cri-logshim.io/maxSize": "1Mi", "cri-logshim.io/keepAfterRemoval": "1h", "sidecar.cri-logshim.io/maxFiles": "9",
			}},
			map[string]string{
				"maxSize":          "1Mi from annotation cri-logshim.io/maxSize",
				"maxFiles":         "3 from policies[0] (line 7)",
				"keepAfterRemoval": "1h0m0s from annotation cri-logshim.io/keepAfterRemoval",
			},
		},
		"annotation of the container": {
			logmgr.Container{Namespace: "batch-1", Name: "app", PodLabels: noisy, PodAnnotations: map[string]string{
				"cri-logshim.io/maxSize": "1Mi", "app.cri-logshim.io/maxSize": "2Mi", "cri-logshim.io/compression": "none",
			}},
			map[string]string{
				"maxSize":     "2Mi from annotation app.cri-logshim.io/maxSize",
				"maxFiles":    "3 from policies[0] (line 7)",
				"compression": "none from annotation cri-logshim.io/compression",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			res := parse(t, file).Resolve(test.container)
			want := maps.Clone(everybody)
			maps.Copy(want, test.others)
			if diff := cmp.Diff(want, values(res)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(res.Problems) > 0 {
				t.Errorf("problems: %v", res.Problems)
			}
		})
	}
}

// TestAnnotationsOff holds that an operator can turn annotations off, for all pods or for
// those that a rule matches, and that the place is told.
func TestAnnotationsOff(t *testing.T) {
	const (
		rule = head + "rotation: {maxSize: 20Mi}\npolicies:\n- match: {namespace: audited}\n  annotations: false\n- {annotations: true}"
		all  = rule + "\nannotations: {enabled: false}"
	)
	for _, test := range []struct{ file, namespace, size, fixed string }{
		{rule, "audited", "20Mi", "policies[0].annotations (line 6)"},
		{rule, "other", "1Mi", ""},
		{all, "other", "20Mi", "annotations.enabled (line 8)"},
		{all, "audited", "20Mi", "annotations.enabled (line 8)"},
	} {
		res := parse(t, test.file).Resolve(logmgr.Container{Namespace: test.namespace, Name: "app", PodAnnotations: map[string]string{
			"cri-logshim.io/maxSize": "1Mi", "app.cri-logshim.io/maxFiles": "many",
		}})
		fixed := test.fixed != ""
		if res.Rotation.Text("maxSize") != test.size || res.Fixed.String() != test.fixed || (len(res.Problems) == 0) != fixed {
			t.Errorf("%s in\n%s\nmaxSize %s, fixed by %q, problems %v", test.namespace, test.file, res.Rotation.Text("maxSize"), res.Fixed, res.Problems)
		}
	}
}
