package install

import (
	"fmt"
	"os"
	"path"
	"strings"
)

// binaries are where the program lies, by hand and by a package.
func binaries() []string { return []string{builtBinary + "cri-logshim", "/usr/bin/cri-logshim"} }

// findBinary finds the program that the units start, where no other one is named, and refuses
// one that they could not start.
func (i *Installer) findBinary() error {
	if named := i.options.Binary; named != "" {
		if err := fitBinary(named); err != nil {
			return err
		}
		return i.tree.executable(named)
	}
	for _, binary := range binaries() {
		if i.tree.executable(binary) == nil {
			i.options.Binary = binary
			return nil
		}
	}
	return fmt.Errorf("there is no program cri-logshim in %q that the service could start; copy it to %s there, or install the package, or name it by --binary", i.tree.root, binaries()[0])
}

// executable is nil if a file is a program.
func (t *Tree) executable(name string) error {
	place, err := t.real(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(place)
	if err != nil {
		return fmt.Errorf("the service could not start %q: %w", name, err)
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("the service could not start %q: it is no program (%s)", name, info.Mode())
	}
	return nil
}

// fitBinary refuses a binary that the service could not start: its unit hides some folders
// (ProtectHome=, PrivateTmp=), and others do not outlive a boot.
func fitBinary(binary string) error {
	for _, folder := range []string{"/home/", "/root/", "/tmp/", "/var/tmp/", "/run/"} {
		if strings.HasPrefix(binary, folder) {
			return fmt.Errorf("the service could not start %q, since nothing below %s is there for it; copy it to /usr/local/bin and run it from there", binary, folder)
		}
	}
	if !path.IsAbs(binary) {
		return fmt.Errorf("the binary %q must be named by an absolute path", binary)
	}
	return nil
}
