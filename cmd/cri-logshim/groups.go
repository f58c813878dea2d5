package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// refuseUnknown makes each command that only groups others refuse a word that names none of
// them, where cobra shows the help and succeeds: in a script a typing error would pass.
func refuseUnknown(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "help" {
			cmd.Args = knownTopic
		}
	}
	refuseIn(root)
}

func refuseIn(cmd *cobra.Command) {
	for _, below := range cmd.Commands() {
		refuseIn(below)
	}
	if !cmd.HasSubCommands() || cmd.Runnable() {
		return
	}
	cmd.SuggestionsMinimumDistance = 2
	if cmd.HasParent() {
		cmd.SuggestionsMinimumDistance = 1 // "on" and "off" are near to each other
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownIn(cmd, args[0])
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

// unknownIn says what a command takes that is given something else.
func unknownIn(cmd *cobra.Command, given string) error {
	if !cmd.HasParent() { // its commands are too many for a line
		if near := cmd.SuggestionsFor(given); len(near) > 0 {
			return fmt.Errorf("unknown command %q%s", given, suggest(near))
		}
		return fmt.Errorf("unknown command %q; %s --help shows all", given, cmd.Name())
	}
	var names []string
	for _, below := range cmd.Commands() {
		if below.IsAvailableCommand() {
			names = append(names, below.Name())
		}
	}
	slices.Sort(names)
	return fmt.Errorf("%s takes %s, is given %q%s", cmd.Name(), either(names), given, suggest(cmd.SuggestionsFor(given)))
}

// knownTopic refuses help on what there is not.
func knownTopic(cmd *cobra.Command, args []string) error {
	if _, rest, err := cmd.Root().Find(args); err != nil || len(rest) > 0 {
		return fmt.Errorf("there is no help on %q, which is no command", strings.Join(args, " "))
	}
	return nil
}
