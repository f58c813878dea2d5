package main

import (
	"github.com/spf13/cobra"
)

const checkConfigHelp = `Read the configuration file, apply the flags, and print the configuration that
serve would run with, every default filled in.

If anything is wrong, print one line for each fault, with file, line and
setting, and exit with code 1.`

const checkConfigExample = `  # What is in force on this node?
  cri-logshim check-config

  # Is a new file right?
  cri-logshim check-config --config new.yaml > /dev/null`

func newCheckConfigCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "check-config",
		Short:   "Print the effective configuration, or everything that is wrong with it",
		Long:    checkConfigHelp,
		Example: checkConfigExample,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.load()
			if err != nil {
				return err
			}
			text, err := c.YAML()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	o.addFlags(cmd)
	return cmd
}
