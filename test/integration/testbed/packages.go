package testbed

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Package is cri-logshim in one version, in the formats of package managers, for this
// machine's architecture.
type Package struct {
	Version string // as the binary says it, "v1.2.3"
	Deb     string // path
	RPM     string // path
}

// BuildPackage runs "make package" for a version, which need not be that of the commit.
// What it makes lies in a folder of the version in folder.
func BuildPackage(ctx context.Context, folder, version string) (Package, error) {
	repository, err := repositoryDir(ctx)
	if err != nil {
		return Package{}, err
	}
	p := Package{Version: version}
	folder = filepath.Join(folder, version)
	cmd := exec.CommandContext(ctx, "make", "-C", repository, "package", "VERSION="+version, "ARCHES="+runtime.GOARCH, "OUT="+folder)
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=") // what a make around us was told is not for this one
	if output, err := cmd.CombinedOutput(); err != nil {
		return Package{}, fmt.Errorf("make package: %w\n%s", err, output)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return Package{}, fmt.Errorf("find the packages: %w", err)
	}
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".deb":
			p.Deb = filepath.Join(folder, e.Name())
		case ".rpm":
			p.RPM = filepath.Join(folder, e.Name())
		}
	}
	if p.Deb == "" || p.RPM == "" {
		return Package{}, fmt.Errorf("find the packages: %q holds %v", folder, entries)
	}
	return p, nil
}

// ChangeDefaults makes another Debian package that is a version higher and ships a default
// configuration with one more line. It lies beside the package.
func (p Package) ChangeDefaults(ctx context.Context, version, line string) (Package, error) {
	tree := filepath.Join(filepath.Dir(p.Deb), "tree")
	changed := Package{Version: version, Deb: filepath.Join(filepath.Dir(p.Deb), "changed.deb")}
	if output, err := exec.CommandContext(ctx, "dpkg-deb", "--raw-extract", p.Deb, tree).CombinedOutput(); err != nil {
		return Package{}, fmt.Errorf("take %q apart: %w\n%s", p.Deb, err, output)
	}
	control, config := filepath.Join(tree, "DEBIAN", "control"), filepath.Join(tree, "etc", "cri-logshim", "config.yaml")
	err := edit(control, func(text string) string {
		return strings.Replace(text, "\nVersion: "+strings.TrimPrefix(p.Version, "v")+"\n", "\nVersion: "+strings.TrimPrefix(version, "v")+"\n", 1)
	})
	if err == nil {
		err = edit(config, func(text string) string { return text + line + "\n" })
	}
	if err != nil {
		return Package{}, fmt.Errorf("change %q: %w", p.Deb, err)
	}
	if output, err := exec.CommandContext(ctx, "dpkg-deb", "-Znone", "--build", tree, changed.Deb).CombinedOutput(); err != nil {
		return Package{}, fmt.Errorf("put %q together: %w\n%s", changed.Deb, err, output)
	}
	return changed, os.RemoveAll(tree)
}

// edit changes a text file, which must be another afterwards.
func edit(file string, change func(string) string) error {
	before, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	after := change(string(before))
	if after == string(before) {
		return fmt.Errorf("%q is as it was", file)
	}
	return os.WriteFile(file, []byte(after), 0o644)
}

// repositoryDir is where this repository lies.
func repositoryDir(ctx context.Context) (string, error) {
	nested, err := goCommand(ctx, ".", "list", "-m", "-f", "{{.Dir}}")
	return filepath.Join(nested, "..", ".."), err
}
