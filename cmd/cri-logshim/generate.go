package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/manpage"
)

const generateHelp = `Write what is installed beside this program and made of its help: the same bytes
for the same program. "make install" and packages do so.`

// newGenerateCommand is for those who make packages.
func newGenerateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "generate", Short: "Write manual pages or completions", Long: generateHelp, Hidden: true,
	}
	cmd.AddCommand(&cobra.Command{
		Use: "man directory", Short: "Write the manual page of each command", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return writeAll(args[0], manualPages(cmd.Root())) },
	}, &cobra.Command{
		Use: "completions directory", Short: "Write the completions for bash, fish and zsh, as below /usr/share", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return writeAll(args[0], completions(cmd.Root())) },
	})
	return cmd
}

// generated is a file and what writes it.
type generated struct {
	name  string
	write func(io.Writer) error
}

func manualPages(root *cobra.Command) []generated {
	var files []generated
	for _, cmd := range manpage.Commands(root) {
		if cmd == root { // the codes have their section
			cmd.Long = rootHelp
		}
		files = append(files, generated{manpage.Name(cmd) + ".1", func(w io.Writer) error {
			return manpage.Write(w, cmd, manualSections(cmd)...)
		}})
	}
	return files
}

// manualSections are those that every page has beside the help.
func manualSections(cmd *cobra.Command) []manpage.Section {
	const environment = "NO_COLOR: if it is set and not empty, nothing is coloured, unless --color always says otherwise."
	codes := exitcode.Help()
	if _, own := cmd.Annotations[ownCodes]; own {
		codes = "See above."
	}
	return []manpage.Section{
		{Title: "Exit status", Text: codes},
		{Title: "Environment", Text: environment},
		{Title: "Files", Text: defaultConfigPath + ": the configuration, which docs/configuration.md describes."},
	}
}

func completions(root *cobra.Command) []generated {
	const name = "cri-logshim"
	return []generated{
		{"bash-completion/completions/" + name, func(w io.Writer) error { return root.GenBashCompletionV2(w, true) }},
		{"fish/vendor_completions.d/" + name + ".fish", func(w io.Writer) error { return root.GenFishCompletion(w, true) }},
		{"zsh/site-functions/_" + name, root.GenZshCompletion},
	}
}

// writeAll writes files below a folder.
func writeAll(folder string, files []generated) error {
	for _, file := range files {
		var text bytes.Buffer
		if err := file.write(&text); err != nil {
			return fmt.Errorf("make %s: %w", file.name, err)
		}
		path := filepath.Join(folder, file.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // for everybody, as all below /usr/share
			return err
		}
		if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
