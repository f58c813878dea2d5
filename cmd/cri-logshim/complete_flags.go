package main

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// isFile are the words by which the help of a flag tells that its value is the name of a file.
func isFile() []string { return []string{"file", "directory", "folder", "path"} }

// completeValues has the values of all flags completed by what their help calls them: by files, or
// by nothing where they are no files, unless the command knows better.
func completeValues(cmd *cobra.Command) {
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		called, _ := pflag.UnquoteUsage(f)
		_, known := cmd.GetFlagCompletionFunc(f.Name)
		if known || called == "" || slices.Contains(isFile(), called) {
			return
		}
		completeWords(cmd, f.Name)
	})
	for _, below := range cmd.Commands() {
		completeValues(below)
	}
}

// completeWords has the value of a flag completed by these words.
func completeWords(cmd *cobra.Command, flag string, words ...string) {
	// The error is that of a flag that there is not.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// completeColor has the value of --color completed.
func completeColor(cmd *cobra.Command) { completeWords(cmd, "color", "auto", "always", "never") }
