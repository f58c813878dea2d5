// Package generate has a program write what is installed beside it and made of its help: manual pages and
// completions. It knows nothing of what the commands do.
package generate

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/manpage"
)

const help = `Write what is installed beside this program and made of its help: the same bytes
for the same program. "make install" and packages do so.`

// Command is for those who make packages. Of the program's own page about is the description, and every page
// has sections beside the help.
func Command(about string, sections func(*cobra.Command) []manpage.Section) *cobra.Command {
	cmd := &cobra.Command{
		Use: "generate", Short: "Write manual pages or completions", Long: help, Hidden: true,
	}
	cmd.AddCommand(&cobra.Command{
		Use: "man directory", Short: "Write the manual page of each command", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return writeAll(args[0], pages(cmd.Root(), about, sections))
		},
	}, &cobra.Command{
		Use: "completions directory", Short: "Write the completions for bash, fish and zsh, as below /usr/share", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return writeAll(args[0], completions(cmd.Root())) },
	})
	return cmd
}

// file is what is written, and by what.
type file struct {
	name  string
	write func(io.Writer) error
}

func pages(root *cobra.Command, about string, sections func(*cobra.Command) []manpage.Section) []file {
	var files []file
	for _, cmd := range manpage.Commands(root) {
		if cmd == root {
			cmd.Long = about
		}
		files = append(files, file{manpage.Name(cmd) + ".1", func(w io.Writer) error {
			return manpage.Write(w, cmd, sections(cmd)...)
		}})
	}
	return files
}

func completions(root *cobra.Command) []file {
	name := root.Name()
	return []file{
		{"bash-completion/completions/" + name, func(w io.Writer) error { return root.GenBashCompletionV2(w, true) }},
		{"fish/vendor_completions.d/" + name + ".fish", func(w io.Writer) error { return root.GenFishCompletion(w, true) }},
		{"zsh/site-functions/_" + name, root.GenZshCompletion},
	}
}

// writeAll writes files below a folder.
func writeAll(folder string, files []file) error {
	for _, f := range files {
		var text bytes.Buffer
		if err := f.write(&text); err != nil {
			return fmt.Errorf("make %s: %w", f.name, err)
		}
		path := filepath.Join(folder, f.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // for everybody, as all below /usr/share
			return err
		}
		if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
