package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/logreader/disk"
)

// leastID is how much of a container's id has to be there before ids are completed: they are
// too many, and nobody knows one by heart.
const leastID = 2

// completePods completes the one argument of a command by what there are logs of: pods with
// their namespaces, behind a second slash their containers, and, if the command takes these, pods
// without a namespace and ids of containers.
func completePods(configured func(*cobra.Command) config.Configuration, loosely bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names, space, err := podsOnDisk(cmd.Context(), configured(cmd), typed, loosely)
		if err != nil {
			cobra.CompDebugln(err.Error(), false)
			return nil, cobra.ShellCompDirectiveError | cobra.ShellCompDirectiveNoFileComp
		}
		directive := cobra.ShellCompDirectiveNoFileComp
		if !space {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		return names, directive
	}
}

// podsOnDisk lists what typed may become. There is a space behind it unless a container may follow.
func podsOnDisk(ctx context.Context, c config.Configuration, typed string, loosely bool) (names []string, space bool, err error) {
	d, err := disk.Open(disk.Options{PodLogsDir: c.PodLogsDir, KeepDir: c.KeepDir, LinksDir: c.Links.LegacyDir})
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	pods, err := d.Pods(ctx)
	if err != nil {
		return nil, false, err
	}
	add := func(name string) {
		if strings.HasPrefix(name, typed) && !strings.ContainsFunc(name, notPlain) {
			names = append(names, name)
		}
	}
	for _, p := range pods {
		pod := p.Namespace + "/" + p.Name
		if loosely && typed != "" {
			add(p.Name) // of any namespace
		}
		if !strings.HasPrefix(typed, pod+"/") {
			add(pod)
			continue
		}
		containers, err := d.Containers(ctx, p)
		if err != nil {
			return nil, false, err
		}
		for _, container := range containers {
			add(pod + "/" + container)
			space = true
		}
	}
	if loosely && len(typed) >= leastID && !strings.Contains(typed, "/") {
		found, err := d.ByID(ctx, typed)
		if err != nil {
			return nil, false, err
		}
		for _, one := range found {
			add(one.ID)
			space = true
		}
	}
	slices.Sort(names)
	return slices.Compact(names), space, nil
}

// notPlain tells whether a character is in no name that Kubernetes gives, and so may mean
// something to a shell.
func notPlain(char rune) bool {
	return (char < 'a' || char > 'z') && (char < 'A' || char > 'Z') && (char < '0' || char > '9') && !strings.ContainsRune("-._/", char)
}

// completeContainers completes -c by the containers of the pod that is named.
func completeContainers(configured func(*cobra.Command) config.Configuration) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) != 1 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		pod := args[0]
		c := configured(cmd)
		if !strings.Contains(pod, "/") {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names, _, err := podsOnDisk(cmd.Context(), c, pod+"/", false)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		for n, name := range names {
			names[n] = strings.TrimPrefix(name, pod+"/")
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// forCompletion is the configuration that the flags of a command lead to, or the defaults: who
// completes wants no word about what is wrong.
func (o *options) forCompletion(cmd *cobra.Command) config.Configuration {
	o.given = cmd.Flags().Changed
	c, err := o.load()
	if err != nil {
		return config.Default()
	}
	return c
}

// forCompletion is that of options, with the directories of the flags.
func (l *logsCommand) forCompletion(cmd *cobra.Command) config.Configuration {
	return l.withDirectories(l.o.forCompletion(cmd))
}
