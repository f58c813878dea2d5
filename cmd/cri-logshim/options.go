package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/policy"
)

const defaultConfigPath = "/etc/cri-logshim/config.yaml"

// options is what the command line says about the configuration.
type options struct {
	configPath      string
	listen          string
	kubeletEndpoint string
	runtimeEndpoint string
	imageEndpoint   string

	// given tells the flags that are on the command line from those that have
	// their default.
	given func(flag string) bool
	// nothing says that the file in force was not there, or held no setting; absent, that
	// it was not there.
	nothing, absent bool
	// lines are where the settings stand in the file that was read last.
	lines config.Lines
}

// addFlags adds the flags of a command that reads the configuration, and takes
// its PreRun.
func (o *options) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&o.configPath, "config", "c", defaultConfigPath,
		"configuration `file`; the default one may be absent")
	flags.StringVar(&o.listen, "listen", "",
		"`endpoint` to serve kubelet on, such as unix:///run/cri-logshim/cri-logshim.sock; overrides listen of the file")
	flags.StringVar(&o.kubeletEndpoint, "kubelet-endpoint", "",
		"`endpoint` that kubelet is pointed at, a link; overrides kubeletEndpoint of the file")
	flags.StringVar(&o.runtimeEndpoint, "runtime-endpoint", "",
		"`endpoint` of the container runtime; overrides runtimeEndpoint of the file")
	flags.StringVar(&o.imageEndpoint, "image-endpoint", "",
		"`endpoint` of the image service; overrides imageEndpoint of the file")
	cmd.PreRun = func(*cobra.Command, []string) { o.given = flags.Changed }
}

// noArguments refuses arguments of a command that reads the configuration: the file is
// named by a flag.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%s takes no argument, is given %q; a configuration file is named by --config", cmd.Name(), args[0])
}

// load returns the configuration that is in force: the file's, with the flags
// in place of what they override. The file may be absent only where nobody named
// it. The error has one line for each fault.
func (o *options) load() (config.Configuration, error) { return o.read(true) }

// reload is load for a daemon that serves. A file that has gone, or that holds
// nothing, says that somebody is at work on it, and not that all defaults are
// wanted: these could remove logs.
func (o *options) reload() (config.Configuration, error) { return o.read(o.nothing) }

// read reads the file, once, since it may go at any time. Only if mayBeNothing
// does a file without a setting, or none at the default path, mean the defaults.
func (o *options) read(mayBeNothing bool) (config.Configuration, error) {
	content, err := config.Read(o.configPath)
	absent := errors.Is(err, fs.ErrNotExist)
	mayBeAbsent := mayBeNothing && !o.given("config")
	if err != nil && !(mayBeAbsent && absent) {
		if absent && o.given("config") {
			err = fmt.Errorf("--config: %w", err)
		}
		return config.Configuration{}, err
	}
	c, lines, err := config.Parse(o.configPath, content, policy.Check)
	if err != nil {
		return config.Configuration{}, err
	}
	if len(lines) == 0 && !mayBeNothing {
		return config.Configuration{}, fmt.Errorf("%s: holds nothing", o.configPath)
	}
	c, err = o.complete(c)
	if err != nil {
		return config.Configuration{}, err
	}
	o.nothing, o.absent, o.lines = len(lines) == 0, absent, lines
	return c, nil
}

// wayAround adds to what is wrong with the file how a command does without it, since it is needed the
// most when something is wrong.
func wayAround(err error, way string) error {
	if fault, ok := errors.AsType[config.Fault](err); !ok || fault.File == "" {
		return err // it is said already what to do
	}
	return fmt.Errorf("%w\nmend the file, or %s", err, way)
}

// source says where the configuration that was read last comes from.
func (o *options) source() string {
	switch {
	case o.absent:
		return fmt.Sprintf("all defaults, since there is no %s", o.configPath)
	case o.nothing:
		return fmt.Sprintf("all defaults, since %s holds nothing", o.configPath)
	}
	return o.configPath
}

// complete puts the flags in place of what they override. What is wrong then is wrong
// with the flags, since the file by itself is right.
func (o *options) complete(c config.Configuration) (config.Configuration, error) {
	flags := map[string]string{} // by the setting that they override
	for _, f := range []struct {
		name, key string
		setting   *string
		value     string
	}{
		{"listen", "listen", &c.Listen, o.listen},
		{"kubelet-endpoint", "kubeletEndpoint", &c.KubeletEndpoint, o.kubeletEndpoint},
		{"runtime-endpoint", "runtimeEndpoint", &c.RuntimeEndpoint, o.runtimeEndpoint},
		{"image-endpoint", "imageEndpoint", &c.ImageEndpoint, o.imageEndpoint},
	} {
		if o.given(f.name) {
			*f.setting = f.value
			flags[f.key] = "--" + f.name
		}
	}
	err := c.Validate()
	if err == nil {
		return c, nil
	}
	var named []error
	for _, err := range each(err) {
		named = append(named, namingFlags(err, flags))
	}
	return config.Configuration{}, errors.Join(named...)
}

// namingFlags names the flag in place of the setting that a fault is about, or else the
// flags that it can only come from.
func namingFlags(err error, flags map[string]string) error {
	fault, ok := errors.AsType[config.Fault](err)
	if !ok {
		return err
	}
	if flag, given := flags[fault.Path]; given {
		fault.Path = flag
		return fault
	}
	return fmt.Errorf("with %s: %w", strings.Join(slices.Sorted(maps.Values(flags)), " and "), fault)
}

// each takes a joined error apart.
func each(err error) []error {
	if joined, several := errors.AsType[interface {
		error
		Unwrap() []error
	}](err); several {
		return joined.Unwrap()
	}
	return []error{err}
}
