package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/install/edit"
)

const (
	configPath = "/etc/cri-logshim/config.yaml"
	configFile = "config.yaml" // among Options.Files
	// Where the units have the binary, and what they run beside it, before the places on the
	// node are put in.
	builtBinary  = "/usr/local/bin/"
	builtScripts = "/usr/local/lib/cri-logshim/"

	socket  = "cri-logshim.socket"
	service = "cri-logshim.service"
)

// intent is what a plan leads to.
type intent struct {
	*plan
	config   config.Configuration // of cri-logshim, as it will be
	endpoint string               // where kubelet will find cri-logshim
	kubelet  *kubelet             // as it will be; nil: it is left alone, with its files as they were
	units    []string             // the units of cri-logshim
	runtime  runtime
}

// leads says whether kubelet is led to cri-logshim. In mode manage its rotation is set aside at
// most, and it speaks to the runtime.
func (in *intent) leads() bool { return in.kubelet != nil && in.config.Mode == config.ModeProxy }

// makePlan plans an installation.
func (i *Installer) makePlan(ctx context.Context, record *Record) (*intent, error) {
	in := &intent{plan: &plan{tree: i.tree, record: record}}
	if err := i.findBinary(); err != nil {
		return nil, err
	}
	if err := in.planUnits(i.options); err != nil {
		return nil, err
	}
	var before *kubelet
	var err error
	if !i.options.LeaveKubelet {
		running := i.runningKubelet(ctx)
		before, err = i.tree.findKubelet(in.read, i.options.KubeletUnit, running)
		if err != nil {
			return nil, fmt.Errorf("%w; --leave-kubelet installs without", err)
		}
		if before.version, err = i.kubeletVersion(ctx, before); err != nil {
			in.note(fmt.Sprintf("kubelet does not say its version: %v", err))
		}
	}
	if err := i.planConfig(ctx, in, before); err != nil {
		return nil, err
	}
	if before != nil {
		if err := i.planKubelet(ctx, in, before); err != nil {
			return nil, err
		}
	}
	if in.leads() {
		if err := errors.Join(i.fitAdmin(in.config.Admin), i.fitLink(ctx, in.config)); err != nil {
			return nil, err
		}
	}
	return in, in.dropRest()
}

// fitAdmin refuses to restart a kubelet whose calls nobody could count afterwards.
func (i *Installer) fitAdmin(admin config.Admin) error {
	if !i.options.RestartKubelet || i.options.Offline || admin.Listen != "" || admin.Metrics != "" {
		return nil
	}
	return fmt.Errorf("--restart-kubelet looks in the metrics of cri-logshim whether kubelet's calls come, and has none with both admin.listen and admin.metrics empty in %s; set one of them, or restart kubelet yourself", configPath)
}

// runningKubelet returns the arguments of the kubelet that runs; none: none does.
func (i *Installer) runningKubelet(ctx context.Context) []string {
	if i.options.Offline {
		return nil
	}
	text, err := i.property(ctx, i.options.KubeletUnit, "MainPID")
	if err != nil {
		return nil
	}
	pid, err := strconv.Atoi(text)
	if err != nil || pid == 0 {
		return nil
	}
	args, err := i.machine.Arguments(pid)
	if err != nil {
		return nil // it has just ended
	}
	return args
}

// planUnits puts the units in place, where there are none.
func (in *intent) planUnits(o Options) error {
	entries, err := fs.ReadDir(o.Files, ".")
	if err != nil {
		return fmt.Errorf("list the units: %w", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if name == configFile {
			continue
		}
		text, err := fs.ReadFile(o.Files, name)
		if err != nil {
			return fmt.Errorf("read unit %s: %w", name, err)
		}
		if path.Ext(name) == ".sh" {
			if err := in.planScript(path.Join(scriptFolder(o.Binary), name), text); err != nil {
				return err
			}
			continue
		}
		in.units = append(in.units, name)
		places := strings.NewReplacer(builtBinary, path.Dir(o.Binary)+"/", builtScripts, scriptFolder(o.Binary)+"/")
		if err := in.planUnit(name, unitFolder(o.Binary), []byte(places.Replace(string(text)))); err != nil {
			return err
		}
	}
	return nil
}

// planUnit puts a unit in place, unless there is one that is not ours: from a package, or
// changed by somebody.
func (in *intent) planUnit(name, folder string, text []byte) error {
	for _, one := range unitFolders() {
		there, err := in.read(path.Join(one, name))
		if err != nil {
			return fmt.Errorf("read unit %s: %w", name, err)
		}
		if there == nil {
			continue
		}
		if string(there.Text) != string(text) {
			in.note(fmt.Sprintf("%s is left as it is, though it is not what this version writes: somebody has changed it, or it is of another version", path.Join(one, name)))
		}
		return nil
	}
	return in.write(Shim, path.Join(folder, name), text)
}

// unitFolder is where the units of a binary go: beside one in /usr or /usr/local, else /etc.
func unitFolder(binary string) string {
	switch prefix := path.Dir(path.Dir(binary)); prefix {
	case "/usr", "/usr/local":
		return prefix + "/lib/systemd/system"
	}
	return "/etc/systemd/system"
}

// planScript puts a script in place that units run.
func (in *intent) planScript(script string, text []byte) error {
	there, err := in.read(script)
	if err != nil || there != nil {
		return err // as for a unit: it belongs to somebody else
	}
	if err := in.write(Shim, script, text); err != nil {
		return err
	}
	in.find(script).after.Mode = 0o755
	return nil
}

// scriptFolder is where the scripts of a binary go: in lib beside its folder bin, else beside
// itself.
func scriptFolder(binary string) string {
	switch folder := path.Dir(binary); path.Base(folder) {
	case "bin", "sbin":
		return path.Dir(folder) + "/lib/cri-logshim"
	default:
		return folder
	}
}

// planConfig plans cri-logshim's configuration: the one that is there, or else the default
// one, with the runtime and the folder of logs that kubelet has.
func (i *Installer) planConfig(ctx context.Context, in *intent, k *kubelet) error {
	f, err := in.read(configPath)
	if err != nil {
		return err
	}
	created := f == nil
	var text []byte
	if created {
		text, err = fs.ReadFile(i.options.Files, configFile)
	} else {
		text = f.Text
	}
	if err != nil {
		return fmt.Errorf("read the default configuration: %w", err)
	}
	c, _, err := config.Parse(configPath, text, i.options.Checks...)
	if err != nil {
		return fmt.Errorf("%w; mend it, or move it away for a default one", err)
	}
	if in.runtime, err = i.findRuntime(ctx, c, created, k); err != nil {
		return err
	}
	i.noteRuntime(in)
	wanted, err := i.wanted(c, in.runtime.endpoint, k)
	if err != nil {
		return err
	}
	var settings []Setting
	for _, s := range wanted {
		old, found, err := edit.Lookup(text, s.Key)
		if err == nil {
			text, err = edit.Set(text, s.Key, s.New)
		}
		if err != nil {
			return fmt.Errorf("set %s to %s in %q: %w", s.Key, s.New, configPath, err)
		}
		if found {
			s.Old = &old
		}
		settings = append(settings, s)
	}
	if in.config, _, err = config.Parse(configPath, text, i.options.Checks...); err != nil {
		return err
	}
	in.endpoint = served(in.config)
	i.noteEngine(in, k)
	if created {
		settings = nil // the whole file is ours
	}
	return in.write(Shim, configPath, text, settings...)
}

// wanted are the settings of cri-logshim's configuration that the node asks for.
func (i *Installer) wanted(c config.Configuration, endpoint string, k *kubelet) ([]Setting, error) {
	var settings []Setting
	// Another name of the same socket, as below /var/run, is no reason to change a file.
	if !i.sameEndpoint(endpoint, c.RuntimeEndpoint) {
		settings = append(settings, Setting{Key: "runtimeEndpoint", New: endpoint})
	}
	if strings.HasSuffix(endpoint, crioSuffix) && !strings.HasSuffix(served(c), crioSuffix) {
		settings = append(settings, Setting{Key: "kubeletEndpoint", New: crioEndpoint})
	}
	if k == nil {
		return settings, nil
	}
	logs, err := k.where(setting{key: "podLogsDir"})
	if err != nil {
		return nil, err
	}
	if logs.value != "" && path.Clean(logs.value) != c.PodLogsDir {
		if !strings.HasPrefix(path.Clean(logs.value), "/var/log/") {
			return nil, fmt.Errorf("kubelet has its logs in %q (podLogsDir in %s), where the service may not write; give it that folder by a drop-in (systemctl edit cri-logshim) and set podLogsDir in %s",
				logs.value, logs.file, configPath)
		}
		settings = append(settings, Setting{Key: "podLogsDir", New: path.Clean(logs.value)})
	}
	return settings, nil
}

// enabled are the units that start at boot, in the order in which they are started.
func (in *intent) enabled() []string {
	return slices.DeleteFunc([]string{socket, service}, func(unit string) bool { return !slices.Contains(in.units, unit) })
}
