package policy_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/policy"
)

const (
	head = "apiVersion: cri-logshim.io/v1alpha1\nkind: Configuration\n"
	// strict is a node that sets what a pod can only make stricter.
	strict = head + "rotation: {maxAge: 24h, deleteAfter: 48h, maxTotalSize: 100Mi}\n"
	// kept is a node that keeps logs of removed pods.
	kept = head + "rotation: {keepAfterRemoval: 24h}"
)

// TestBounds holds, for every setting, what an annotation comes to at the edges
// of what a pod may ask for, and what is said of it.
func TestBounds(t *testing.T) {
	const ignored = "; ignored"
	for _, test := range []struct{ file, name, value, want, message string }{
		{"", "maxSize", "200Mi", "200Mi", ""},
		{"", "maxSize", "209715201", "200Mi", "is above the most, 200Mi (annotations.ceiling.maxSize), which is taken"},
		{"", "maxSize", "7Ei", "200Mi", "is above the most"},
		{"", "maxSize", "8Ei", "10Mi", "must be below 8Ei, is 8Ei" + ignored},
		{"", "maxSize", "64Ki", "64Ki", ""},
		{"", "maxSize", "65535", "64Ki", "is below the least, 64Ki (for pods), which is taken"},
		{"", "maxSize", "0", "10Mi", "must be at least 4Ki, or negative to turn rotation off, is 0" + ignored},
		{"", "maxSize", "50", "10Mi", "must be at least 4Ki, or negative to turn rotation off, is 50 (bytes); did you mean 50Mi?" + ignored},
		{"", "maxSize", "4Ki", "64Ki", "is below the least, 64Ki (for pods), which is taken"},
		{"", "maxSize", "-1", "10Mi", "must not be negative, since a pod cannot turn rotation off" + ignored},
		{"", "maxSize", "100m", "10Mi", "must be a whole number of bytes, is 100m (m is milli; M and Mi are mega)" + ignored},
		{"", "maxSize", "", "10Mi", "has no value" + ignored},
		{"", "maxSize", " 1Mi", "10Mi", `must be a quantity such as 10Mi, is " 1Mi"` + ignored},
		{"", "maxSize", strings.Repeat("1", 65), "10Mi", "must not be longer than 64 bytes" + ignored},
		{strict, "maxSize", "150Mi", "100Mi", "is above the most, 100Mi (the node's maxTotalSize), which is taken"},
		{head + "annotations: {ceiling: {maxSize: 4Ki}}", "maxSize", "1Mi", "4Ki", "is above the most, 4Ki (annotations.ceiling.maxSize)"},
		{head + "rotation: {maxSize: 1Gi}", "maxSize", "500Mi", "200Mi", "is above the most, 200Mi"},
		{head + "rotation: {maxSize: -1}", "maxSize", "1Mi", "1Mi", ""},

		{"", "maxFiles", "20", "20", ""},
		{"", "maxFiles", "21", "20", "is above the most, 20 (annotations.ceiling.maxFiles), which is taken"},
		{"", "maxFiles", "2", "2", ""},
		{"", "maxFiles", "1", "5", "must be at least 2, is 1" + ignored},
		{"", "maxFiles", "-3", "5", "must be at least 2, is -3" + ignored},
		{"", "maxFiles", "9223372036854775808", "5", "must be a whole number that is not as large as 9223372036854775808" + ignored},
		{"", "maxFiles", "5.5", "5", `must be a whole number, is "5.5"` + ignored},
		{"", "maxSize", "4095", "10Mi", "must be at least 4Ki, or negative to turn rotation off, is 4095 (bytes); did you mean 4095Mi?" + ignored},
		{"", "maxTotalSize", "4095", "off", "must be at least 4Ki, or 0 for off, is 4095 (bytes); did you mean 4095Mi?" + ignored},
		{"", "maxTotalSize", "4Ki", "10Mi", "is below the least, 10Mi (the container's maxSize), which is taken"},
		{"", "deleteAfter", "999ms", "off", "must be at least 1s, or 0s for off, is 999ms" + ignored},
		{"", "maxFilesUnread", "20", "20", ""},
		{"", "maxFilesUnread", "21", "20", "is above the most, 20 (annotations.ceiling.maxFiles), which is taken"},
		{"", "maxFilesUnread", "0", "off", ""},
		{"", "maxFilesUnread", "5", "off (5 is not above maxFiles)", ""},
		{"", "maxFilesUnread", "-1", "10", "must be at least 0, is -1" + ignored},

		{"", "maxAge", "1m", "1m0s", ""},
		{"", "maxAge", "59s", "1m0s", "is below the least, 1m0s (for pods), which is taken"},
		{"", "maxAge", "999ms", "off", "must be at least 1s, or 0s for off, is 999ms" + ignored},
		{"", "maxAge", "0s", "off", ""},
		{"", "maxAge", "-1h", "off", "must be at least 1s, or 0s for off, is -1h0m0s" + ignored},
		{"", "maxAge", "7d", "off", `must be a duration such as 90s, 2m or 168h, is "7d" (there is no unit for days; did you mean 168h?)` + ignored},
		{strict, "maxAge", "23h", "23h0m0s", ""},
		{strict, "maxAge", "25h", "24h0m0s", "is looser than the node's 24h0m0s, which is taken, since a pod can only be stricter"},
		{strict, "maxAge", "0s", "24h0m0s", "is looser than the node's 24h0m0s"},
		{head + "rotation: {maxAge: 30s}", "maxAge", "10s", "30s", "is below the least, 30s (for pods), which is taken"},

		{head + "rotation: {maxSize: -1}", "maxAge", "1h", "off", "needs a maxSize, since rotation is off" + ignored},
		{head + "rotation: {maxSize: -1}", "maxAge", "0s", "off", ""},

		{"", "deleteAfter", "1s", "1s", ""},
		{"", "deleteAfter", "1ms", "off", "must be at least 1s, or 0s for off, is 1ms" + ignored},
		{strict, "deleteAfter", "1h", "1h0m0s", ""},
		{strict, "deleteAfter", "49h", "48h0m0s", "is looser than the node's 48h0m0s"},
		{strict, "deleteAfter", "0", "48h0m0s", "is looser than the node's 48h0m0s"},

		{"", "maxTotalSize", "1Gi", "1Gi", ""},
		{"", "maxTotalSize", "1Mi", "10Mi", "is below the least, 10Mi (the container's maxSize), which is taken"},
		{"", "maxTotalSize", "-1", "off", "must be at least 4Ki, or 0 for off, is -1" + ignored},
		{"", "maxTotalSize", "100", "off", "must be at least 4Ki, or 0 for off, is 100 (bytes); did you mean 100Mi?" + ignored},
		{strict, "maxTotalSize", "0", "100Mi", "is looser than the node's 100Mi"},
		{strict, "maxTotalSize", "101Mi", "100Mi", "is looser than the node's 100Mi"},
		{strict, "maxTotalSize", "99Mi", "99Mi", ""},

		{"", "compression", "zstd", "zstd", ""},
		{"", "compression", "none", "none", ""},
		{"", "compression", "GZIP", "gzip", `must be none or gzip or zstd, is "GZIP"; did you mean gzip?` + ignored},
		{"", "compression", "lz4", "gzip", `must be none or gzip or zstd, is "lz4"` + ignored},
		{"", "compressAfter", "0s", "0s", ""},
		{"", "compressAfter", "-1s", "2m0s", "must be at least 0s, is -1s" + ignored},

		{"", "keepAfterRemoval", "168h", "168h0m0s", ""},
		{"", "keepAfterRemoval", "168h1s", "168h0m0s", "is above the most, 168h0m0s (annotations.ceiling.keepAfterRemoval), which is taken"},
		{"", "keepAfterRemoval", "-1s", "off", "must be at least 0s, is -1s" + ignored},
		{kept, "keepAfterRemoval", "23h", "24h0m0s", "is shorter than the node's 24h0m0s, which is taken, since a pod can only keep its logs longer"},
		{kept, "keepAfterRemoval", "0s", "24h0m0s", "is shorter than the node's 24h0m0s"},
		{kept, "keepAfterRemoval", "25h", "25h0m0s", ""},
		{head + "policies: [{rotation: {keepAfterRemoval: 24h}}]", "keepAfterRemoval", "0s", "24h0m0s", "is shorter than the node's 24h0m0s"},
		{head + "rotation: {keepAfterRemoval: 200h}", "keepAfterRemoval", "300h", "200h0m0s", "is above the most, 200h0m0s (the node's keepAfterRemoval), which is taken"},
		{head + "rotation: {keepAfterRemoval: 200h}", "keepAfterRemoval", "168h", "200h0m0s", "is shorter than the node's 200h0m0s"},
		{head + "keepDir: ''", "keepAfterRemoval", "1h", "off", "no logs of removed pods are kept on this node (keepDir)" + ignored},
		{head + "keepDir: ''", "keepAfterRemoval", "0s", "off", ""},
	} {
		t.Run(test.name+" "+test.value+" "+test.file, func(t *testing.T) {
			key := "cri-logshim.io/" + test.name
			res := parse(t, test.file).Resolve(logmgr.Container{Name: "app", PodAnnotations: map[string]string{key: test.value}})
			if got := res.Rotation.Text(test.name); got != test.want {
				t.Errorf("%s is %s, want %s", test.name, got, test.want)
			}
			switch {
			case test.message == "" && len(res.Problems) > 0:
				t.Errorf("problems: %v", res.Problems)
			case test.message != "" && (len(res.Problems) != 1 || !strings.HasPrefix(text(res.Problems[0]), test.message) || res.Problems[0].Annotation != key):
				t.Errorf("problems: %v, want one: %s", res.Problems, test.message)
			}
			source := values(res)[test.name]
			if follows := !strings.HasSuffix(test.message, ignored); strings.Contains(source, "annotation "+key) != follows {
				t.Errorf("shown as %q, followed: %v", source, follows)
			}
		})
	}
}

// text is what is said of an annotation, without its key and value.
func text(p policy.Problem) string {
	_, text, _ := strings.Cut(p.String(), strconv.Quote(p.Value)+": ")
	return text
}

// TestTogether holds what becomes of settings that bound each other.
func TestTogether(t *testing.T) {
	for name, test := range map[string]struct {
		file        string
		annotations map[string]string
		want        []string // maxSize, maxTotalSize
		problems    int
	}{
		"total below the pod's own size": {"", map[string]string{
			"cri-logshim.io/maxSize": "50Mi", "cri-logshim.io/maxTotalSize": "20Mi",
		}, []string{"50Mi", "50Mi"}, 1},
		"total below the node's size, above the pod's": {"", map[string]string{
			"cri-logshim.io/maxSize": "1Mi", "cri-logshim.io/maxTotalSize": "5Mi",
		}, []string{"1Mi", "5Mi"}, 0},
		"size above the node's total": {strict, map[string]string{
			"cri-logshim.io/maxSize": "150Mi", "cri-logshim.io/maxTotalSize": "20Mi",
		}, []string{"100Mi", "100Mi"}, 2},
		"total where nothing rotates": {head + "rotation: {maxSize: -1}", map[string]string{
			"cri-logshim.io/maxTotalSize": "5Ki",
		}, []string{"off", "5Ki"}, 0},
		"an age where only the pod rotates": {head + "rotation: {maxSize: -1}", map[string]string{
			"cri-logshim.io/maxAge": "1h", "cri-logshim.io/maxSize": "1Mi",
		}, []string{"1Mi", "off"}, 0},
		"the container's is not readable, so the pod's holds": {"", map[string]string{
			"app.cri-logshim.io/maxSize": "lots", "cri-logshim.io/maxSize": "3Mi",
		}, []string{"3Mi", "off"}, 1},
		"unknown settings": {"", map[string]string{
			"cri-logshim.io/max-size": "3Mi", "app.cri-logshim.io/mode": "observe", "example.com/maxSize": "3Mi", "cri-logshim.io/": "x",
		}, []string{"10Mi", "off"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			res := parse(t, test.file).Resolve(logmgr.Container{Name: "app", PodAnnotations: test.annotations})
			got := []string{res.Rotation.Text("maxSize"), res.Rotation.Text("maxTotalSize")}
			if diff := cmp.Diff(test.want, got); diff != "" || len(res.Problems) != test.problems {
				t.Errorf("problems %v, (-want +got):\n%s", res.Problems, diff)
			}
		})
	}
	res := parse(t, "").Resolve(logmgr.Container{Name: "app", PodAnnotations: map[string]string{"cri-logshim.io/max-size": "3Mi"}})
	if got := res.Problems[0].String(); got != `annotation cri-logshim.io/max-size: "3Mi": unknown setting; did you mean maxSize?; ignored` {
		t.Errorf("it is said: %s", got)
	}
}
