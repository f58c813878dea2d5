package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// completionTime is how long an API server is waited for while somebody types.
const completionTime = 3 * time.Second

// complete completes the one argument by the pods of the namespace that is meant.
func (l *logsCommand) complete(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	api, namespace, err := l.kube.connect()
	if err != nil {
		return failed(err)
	}
	defer api.client.CloseIdleConnections()
	api.timeout = completionTime
	if named := cmd.Flag("namespace").Value.String(); named != "" {
		namespace = named
	}
	before := ""
	if of, _, ok := strings.Cut(typed, "/"); ok {
		namespace, before = of, of+"/"
	}
	pods, err := api.pods(cmd.Context(), namespace, l.node)
	if err != nil {
		return failed(err)
	}
	var names []string
	for _, p := range pods {
		if name := before + p.Metadata.Name; strings.HasPrefix(name, typed) {
			names = append(names, name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// failed completes nothing: who types wants no word about what is wrong.
func failed(err error) ([]string, cobra.ShellCompDirective) {
	cobra.CompDebugln(err.Error(), false)
	return nil, cobra.ShellCompDirectiveError | cobra.ShellCompDirectiveNoFileComp
}
