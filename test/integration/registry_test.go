package integration

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"runtime"
	"strings"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// An image is pulled from a registry, found, and removed through the shim as it is
// directly. The registry wants a name and a password, which the call carries.
func TestPullOfAnImageIsTheSameThroughTheShim(t *testing.T) {
	onBoth(t, func(t *testing.T, containerd *testbed.Containerd) {
		shim, through := newShim(t, containerd, nil)
		direct, err := containerd.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer direct.Close()
		image := &runtimeapi.ImageSpec{Image: registry(t, "name", "password")}
		var seen []*transcript
		for _, c := range []*testbed.Client{direct, through} {
			l := newTranscript()
			for _, password := range []string{"wrong", "password"} {
				call(t.Context(), l, "PullImage with "+password, c.PullImage, &runtimeapi.PullImageRequest{
					Image: image, Auth: &runtimeapi.AuthConfig{Username: "name", Password: password},
				})
				call(t.Context(), l, "ImageStatus", c.ImageStatus, &runtimeapi.ImageStatusRequest{Image: image})
			}
			call(t.Context(), l, "RemoveImage", c.RemoveImage, &runtimeapi.RemoveImageRequest{Image: image})
			call(t.Context(), l, "ImageStatus", c.ImageStatus, &runtimeapi.ImageStatusRequest{Image: image})
			seen = append(seen, l)
		}
		same(t, seen[0], seen[1])
		if pull := seen[0].steps[2]; pull.err != nil {
			t.Errorf("%v\n%s", pull, shim.Log())
		}
	})
}

// registry serves one small image over plain HTTP, and returns the image's reference.
func registry(t *testing.T, name, password string) string {
	t.Helper()
	var layer bytes.Buffer
	if err := tar.NewWriter(&layer).Close(); err != nil {
		t.Fatal(err)
	}
	content := map[string][]byte{}
	add := func(kind string, blob []byte) map[string]any {
		digest := fmt.Sprintf("sha256:%x", sha256.Sum256(blob))
		content[digest] = blob
		return map[string]any{"mediaType": kind, "digest": digest, "size": len(blob)}
	}
	encode := func(v any) []byte {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	top := add("application/vnd.oci.image.layer.v1.tar", layer.Bytes())
	config := add("application/vnd.oci.image.config.v1+json", encode(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"rootfs": map[string]any{"type": "layers", "diff_ids": []any{top["digest"]}},
	}))
	const kind = "application/vnd.oci.image.manifest.v1+json"
	manifest := add(kind, encode(map[string]any{"schemaVersion": 2, "mediaType": kind, "config": config, "layers": []any{top}}))
	content["1"] = content[manifest["digest"].(string)]

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, pass, _ := r.BasicAuth(); user != name || pass != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		blob, ok := content[path.Base(r.URL.Path)]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if strings.Contains(r.URL.Path, "/manifests/") {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Docker-Content-Digest", manifest["digest"].(string))
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(blob))
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://") + "/cri-logshim/pulled:1"
}
