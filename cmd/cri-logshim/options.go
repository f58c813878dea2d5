package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/policy"
)

const defaultConfigPath = "/etc/cri-logshim/config.yaml"

// options is what the command line says about the configuration.
type options struct {
	configPath      string
	listen          string
	runtimeEndpoint string
	imageEndpoint   string

	// given tells the flags that are on the command line from those that have
	// their default.
	given func(flag string) bool
	// nothing says that the file in force was not there, or held no setting.
	nothing bool
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
	flags.StringVar(&o.runtimeEndpoint, "runtime-endpoint", "",
		"`endpoint` of the container runtime; overrides runtimeEndpoint of the file")
	flags.StringVar(&o.imageEndpoint, "image-endpoint", "",
		"`endpoint` of the image service; overrides imageEndpoint of the file")
	cmd.PreRun = func(*cobra.Command, []string) { o.given = flags.Changed }
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
	content, err := os.ReadFile(o.configPath)
	mayBeAbsent := mayBeNothing && !o.given("config")
	if err != nil && !(mayBeAbsent && errors.Is(err, fs.ErrNotExist)) {
		return config.Configuration{}, err
	}
	c, lines, err := config.ParseWithLines(o.configPath, content)
	if err != nil {
		return config.Configuration{}, err
	}
	if len(lines) == 0 && !mayBeNothing {
		return config.Configuration{}, fmt.Errorf("%s: holds nothing", o.configPath)
	}
	if err := policy.Check(c); err != nil {
		return config.Configuration{}, o.placed(err, lines)
	}
	c, err = o.complete(c)
	if err != nil {
		return config.Configuration{}, err
	}
	o.nothing, o.lines = len(lines) == 0, lines
	return c, nil
}

// placed says where in the file the setting stands that an error is about.
func (o *options) placed(err error, lines config.Lines) error {
	fault, ok := errors.AsType[config.Fault](err)
	if !ok {
		return err
	}
	fault.File, fault.Line = o.configPath, lines[fault.Path]
	return fault
}

// complete puts the flags in place of what they override.
func (o *options) complete(c config.Configuration) (config.Configuration, error) {
	o.override("listen", &c.Listen, o.listen)
	o.override("runtime-endpoint", &c.RuntimeEndpoint, o.runtimeEndpoint)
	o.override("image-endpoint", &c.ImageEndpoint, o.imageEndpoint)
	if err := c.Validate(); err != nil {
		return config.Configuration{}, err
	}
	return c, nil
}

func (o *options) override(flag string, setting *string, value string) {
	if o.given(flag) {
		*setting = value
	}
}
