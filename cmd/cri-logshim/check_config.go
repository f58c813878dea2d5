package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

const checkConfigHelp = `Read the configuration file, apply the flags, and print the configuration that
serve would run with, every default filled in.

If anything is wrong, print one line for each fault, with file, line and
setting, and exit with code 1.`

const checkConfigExample = `  # What is in force on this node?
  cri-logshim check-config

  # A setting, for a script
  cri-logshim check-config -o json | jq .rotation

  # Is a new file right?
  cri-logshim check-config --config new.yaml > /dev/null`

func newCheckConfigCommand(o *options) *cobra.Command {
	var out *output
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
			if out.format == outputYAML {
				_, err = cmd.OutOrStdout().Write(text)
				return err
			}
			var settings any
			if err := yaml.Unmarshal(text, &settings); err != nil {
				return fmt.Errorf("make JSON of the configuration: %w", err)
			}
			return printJSON(cmd.OutOrStdout(), settings)
		},
	}
	o.addFlags(cmd)
	out = addOutputFlag(cmd, outputYAML, outputJSON)
	return cmd
}
