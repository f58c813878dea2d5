package install

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/cri-logshim/cri-logshim/install/edit"
)

// setting is one of kubelet's: its key in the KubeletConfiguration, and the flag that wins
// over it.
type setting struct{ key, flag string }

// kubeletEndpoint is where kubelet finds the runtime.
func kubeletEndpoint() setting {
	return setting{"containerRuntimeEndpoint", "--container-runtime-endpoint"}
}

// kubeletRotation is the size at which kubelet itself rotates a log.
func kubeletRotation() setting {
	return setting{"containerLogMaxSize", "--container-log-max-size"}
}

// kubeadmInstance is where kubeadm 1.34 and newer keeps the endpoint for the next time that it
// writes kubelet's configuration (its feature NodeLocalCRISocket).
const kubeadmInstance = "/var/lib/kubelet/instance-config.yaml"

// kubelet is how kubelet is going to be started the next time.
type kubelet struct {
	program string
	words   []word   // its arguments
	starter string   // what starts it in its stead, as a shell, and where that stands; empty: nothing
	runs    bool     // program and words are those of the kubelet that runs
	version string   // as v1.36.3; empty: not known
	configs []string // its configuration file and what lies in its --config-dir, later ones win
	read    reader
}

// findKubelet finds out how a unit starts kubelet. running are the arguments of the kubelet
// that runs, for units that start something else first; none: unknown.
func (t *Tree) findKubelet(read reader, unit string, running []string) (*kubelet, error) {
	files, err := t.unitFiles(read, unit)
	if err != nil {
		return nil, fmt.Errorf("find out how kubelet is started: %w", err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("find out how kubelet is started: there is no unit %s in %s; --kubelet-unit names another",
			unit, strings.Join(unitFolders(), ", "))
	}
	line, err := commandLine(read, files)
	if err != nil {
		return nil, fmt.Errorf("find out how kubelet is started: %w", err)
	}
	if len(line) == 0 {
		return nil, fmt.Errorf("find out how kubelet is started: the unit %s has no ExecStart", unit)
	}
	k := &kubelet{program: line[0].text, words: line[1:], read: read}
	if path.Base(k.program) != "kubelet" {
		if k.starter, err = startedBy(read, line[0]); err != nil {
			return nil, err
		}
	}
	if k.starter != "" && len(running) > 0 {
		k.program, k.words, k.runs = running[0], nil, true
		for _, one := range running[1:] {
			k.words = append(k.words, word{text: one})
		}
	}
	return k, k.findConfigs(t)
}

// known says whether its program and all of its arguments are known.
func (k *kubelet) known() bool { return k.starter == "" || k.runs }

// startedBy says what starts kubelet in its stead, and in which line.
func startedBy(read reader, program word) (string, error) {
	f, err := read(program.file)
	if err != nil || f == nil {
		return "", err
	}
	number, at := 0, 0
	for line := range strings.Lines(string(f.Text)) {
		number++
		if value, is := strings.CutPrefix(strings.TrimSpace(line), "ExecStart="); is && value != "" {
			at = number
		}
	}
	return fmt.Sprintf("%s:%d starts kubelet by %s", program.file, at, program.text), nil
}

// findConfigs finds the files of kubelet's configuration, and looks whether each can be read.
func (k *kubelet) findConfigs(t *Tree) error {
	if file, _, found := k.flag("--config"); found && file != "" {
		k.configs = append(k.configs, file)
	}
	if folder, _, found := k.flag("--config-dir"); found && folder != "" {
		dropIns, err := t.dropIns(folder)
		if err != nil {
			return fmt.Errorf("read kubelet's --config-dir: %w", err)
		}
		k.configs = append(k.configs, dropIns...)
	}
	for _, file := range k.configs {
		if !path.IsAbs(file) {
			return fmt.Errorf("kubelet's configuration is named %q, which is no absolute path", file)
		}
		if _, _, err := k.lookup(file, "kind"); err != nil {
			return err
		}
	}
	return nil
}

// dropIns are the files that kubelet takes from its --config-dir, as it goes through it.
func (t *Tree) dropIns(folder string) ([]string, error) {
	place, err := t.real(folder)
	if err != nil {
		return nil, err
	}
	var found []string
	err = filepath.WalkDir(place, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && path.Ext(file) == ".conf" {
			found = append(found, path.Join(folder, strings.TrimPrefix(file, place)))
		}
		return err
	})
	return found, err
}

// lookup looks a key up in a file of kubelet's configuration.
func (k *kubelet) lookup(file, key string) (string, bool, error) {
	f, err := k.read(file)
	switch {
	case err != nil:
		return "", false, fmt.Errorf("read kubelet's configuration: %w", err)
	case f == nil:
		return "", false, fmt.Errorf("kubelet's configuration %q is not there; has this node been joined to its cluster?", file)
	}
	value, found, err := edit.Lookup(f.Text, key)
	if err != nil {
		return "", false, fmt.Errorf("kubelet's configuration %q: %w", file, err)
	}
	return value, found, nil
}

// flag returns the value of a flag and the file in which it stands.
func (k *kubelet) flag(name string) (value, file string, found bool) {
	texts := make([]string, len(k.words))
	for i, w := range k.words {
		texts[i] = w.text
	}
	value, at, found := edit.Flag(texts, name)
	if found {
		file = k.words[at].file
	}
	return value, file, found
}

// place is where a setting is made.
type place struct {
	file   string // empty: nobody knows
	isFlag bool
	value  string
	found  bool // else it has kubelet's default, and would be made in file
}

// where returns where a setting is made that counts. Without a configuration file there is
// none for what is not there yet.
func (k *kubelet) where(s setting) (place, error) {
	if s.flag != "" {
		if value, file, found := k.flag(s.flag); found {
			return place{file: file, isFlag: true, value: value, found: true}, nil
		}
	}
	at := place{}
	if len(k.configs) > 0 {
		at.file = k.configs[0]
	}
	for _, file := range k.configs {
		value, found, err := k.lookup(file, s.key)
		if err != nil {
			return place{}, err
		}
		if found {
			at = place{file: file, value: value, found: true}
		}
	}
	return at, nil
}

// errNowhere says that a setting of kubelet's cannot be made by writing a file.
var errNowhere = errors.New("there is no file that is known to set it")

// set returns the file in which a setting has to be made and what it then holds.
func (k *kubelet) set(s setting, value string) (at place, text []byte, err error) {
	at, err = k.where(s)
	switch {
	case err != nil:
		return at, nil, err
	case at.file == "" && k.starter != "":
		return at, nil, fmt.Errorf("%s, which is not edited: %w; start it with %s=%s there by hand, then run this again with --leave-kubelet", k.starter, errNowhere, s.flag, value)
	case at.file == "" && at.isFlag:
		return at, nil, fmt.Errorf("set %s: where kubelet gets this flag from is not to be found in its unit; set it to %s by hand", s.flag, value)
	case at.file == "":
		return at, nil, fmt.Errorf("set %s to %s: kubelet has no configuration file (--config), and no such flag: %w", s.key, value, errNowhere)
	}
	f, err := k.read(at.file)
	if err != nil {
		return at, nil, err
	}
	if at.isFlag {
		text, err = edit.SetFlag(f.Text, s.flag, value)
	} else {
		text, err = edit.Set(f.Text, s.key, value)
	}
	if err != nil {
		return at, nil, fmt.Errorf("set kubelet's endpoint or rotation in %q: %w; write %s: %s there by hand", at.file, err, s.key, value)
	}
	return at, text, nil
}

// health is the address of kubelet's own health check; empty: it has none.
func (k *kubelet) health() (string, error) {
	port, err := k.where(setting{"healthzPort", "--healthz-port"})
	if err != nil {
		return "", err
	}
	address, err := k.where(setting{"healthzBindAddress", "--healthz-bind-address"})
	if err != nil {
		return "", err
	}
	switch {
	case port.value == "0":
		return "", nil
	case port.value == "":
		port.value = "10248"
	}
	switch address.value {
	case "", "0.0.0.0":
		address.value = "127.0.0.1"
	case "::":
		address.value = "::1"
	}
	if strings.Contains(address.value, ":") {
		address.value = "[" + address.value + "]"
	}
	return "http://" + address.value + ":" + port.value + "/healthz", nil
}

// rotationOff is the file that sets a size at which kubelet never rotates a log; empty: it does.
func (k *kubelet) rotationOff() (file string, err error) {
	at, err := k.where(kubeletRotation())
	if err != nil || !strings.HasSuffix(at.value, "P") && !strings.HasSuffix(at.value, "E") {
		return "", err
	}
	if at.file == "" {
		return "its command line", nil
	}
	return at.file, nil
}
