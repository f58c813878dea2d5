package main

import (
	"errors"

	"github.com/spf13/cobra"
)

const serveExample = `  # With /etc/cri-logshim/config.yaml, or all defaults where there is none
  cri-logshim serve`

func newServeCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Serve kubelet and manage container logs",
		Example: serveExample,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if _, err := o.load(); err != nil {
				return err
			}
			return errors.New("serve is not wired yet")
		},
	}
	o.addFlags(cmd)
	return cmd
}
