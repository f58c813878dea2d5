package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/logreader/logcmd"
)

// ownCodes marks a command whose exit codes beyond 1 are its own, so that a wrong usage of it
// must not look like one of these.
const ownCodes = "own exit codes"

// codeUsage has each command exit with the code for wrong usage, and say what may have been
// meant, where its flags or arguments are not what it takes.
func codeUsage(root *cobra.Command) {
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageOf(cmd, flagError(cmd, err))
	})
	codeArguments(root)
}

func codeArguments(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error { return usageOf(cmd, check(cmd, args)) }
	}
	for _, below := range cmd.Commands() {
		codeArguments(below)
	}
}

// usageOf gives an error of usage its code.
func usageOf(cmd *cobra.Command, err error) error {
	if _, own := cmd.Annotations[ownCodes]; own {
		return exitcode.With(exitcode.Failed, err)
	}
	return exitcode.With(exitcode.Usage, err)
}

// flagError says what is wrong with a flag, and what to do.
func flagError(cmd *cobra.Command, err error) error {
	if missing, ok := errors.AsType[*pflag.NotExistError](err); ok {
		names := nearFlags(cmd, missing.GetSpecifiedName())
		if len(names) == 0 {
			return fmt.Errorf("%w; %s --help shows all", err, cmd.CommandPath())
		}
		return fmt.Errorf("%w%s", err, suggest(names))
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return fmt.Errorf("--%s %q: %s", invalid.GetFlag().Name, invalid.GetValue(), wanted(invalid))
	}
	return err
}

// wanted says what the value of a flag must be.
func wanted(invalid *pflag.InvalidValueError) string {
	kind := invalid.GetFlag().Value.Type()
	switch {
	case errors.Is(invalid.Unwrap(), strconv.ErrRange):
		return "is too large or too small"
	case kind == "duration":
		return "must be a length of time, such as 90s or 5m"
	case kind == "bool":
		return "must be true or false"
	case strings.HasPrefix(kind, "uint"):
		return "must be a number, 0 or more"
	case strings.HasPrefix(kind, "int"):
		return "must be a number"
	default:
		return invalid.Unwrap().Error()
	}
}

// nearFlags are the flags of a command that may have been meant, the nearest first.
func nearFlags(cmd *cobra.Command, given string) []string {
	type near struct {
		name string
		far  int
	}
	var found []near
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		far := logcmd.Distance(given, flag.Name)
		begins := len(given) > 2 && strings.HasPrefix(flag.Name, given)
		if !flag.Hidden && len(given) > 1 && (far <= 2 && far < len(given) || begins) {
			found = append(found, near{"--" + flag.Name, far})
		}
	})
	slices.SortStableFunc(found, func(a, b near) int { return a.far - b.far })
	var names []string
	for _, n := range found[:min(len(found), 3)] {
		names = append(names, n.name)
	}
	return names
}
