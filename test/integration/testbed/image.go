package testbed

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"runtime"
	"strings"
)

// Image is the one image of the testbed: busybox with its applets, and the command
// seqwriter. Its own command sleeps, so it serves as the sandbox's image too.
const Image = "localhost/cri-logshim/test:local"

// writeImage writes the Image as an archive in the format of "docker save".
func writeImage(w io.Writer, busybox, seqwriter string) error {
	return writeImageWith(w, []string{"/bin/sleep", "1000000000"}, busybox, seqwriter)
}

// writeImageWith writes it with another command of its own.
func writeImageWith(w io.Writer, command []string, busybox, seqwriter string) error {
	layer, err := imageLayer(busybox, seqwriter)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(layer)
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config": map[string]any{
			"Env": []string{"PATH=/bin"},
			"Cmd": command,
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(digest[:])}},
	})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal([]map[string]any{{
		"Config": "config.json", "RepoTags": []string{Image}, "Layers": []string{"layer.tar"},
	}})
	if err != nil {
		return err
	}
	archive := archive{tar.NewWriter(w)}
	archive.file("layer.tar", 0o644, layer)
	archive.file("config.json", 0o644, config)
	archive.file("manifest.json", 0o644, manifest)
	return archive.Close()
}

func imageLayer(busybox, seqwriter string) ([]byte, error) {
	applets, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("list the applets of %q: %w", busybox, err)
	}
	var b bytes.Buffer
	layer := archive{tar.NewWriter(&b)}
	for _, dir := range []string{"bin", "dev", "etc", "proc", "sys", "tmp", "root"} {
		layer.entry(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755})
	}
	for name, file := range map[string]string{"busybox": busybox, "seqwriter": seqwriter} {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read a program for the image: %w", err)
		}
		layer.file(path.Join("bin", name), 0o755, content)
	}
	for applet := range strings.FieldsSeq(string(applets)) {
		if applet != "busybox" {
			layer.entry(&tar.Header{Typeflag: tar.TypeSymlink, Name: path.Join("bin", applet), Linkname: "busybox"})
		}
	}
	layer.file("etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/bin/sh\n"))
	layer.file("etc/group", 0o644, []byte("root:x:0:\n"))
	err = layer.Close()
	return b.Bytes(), err
}

// archive adds whole files to a tar. A tar.Writer keeps its first error, and Close
// returns it.
type archive struct{ *tar.Writer }

func (a archive) entry(h *tar.Header) { _ = a.WriteHeader(h) }

func (a archive) file(name string, mode int64, content []byte) {
	a.entry(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))})
	_, _ = a.Write(content)
}
