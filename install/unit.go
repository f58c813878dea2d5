package install

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/cri-logshim/cri-logshim/install/edit"
)

// unitFolders are where systemd looks for units, the first that has one wins (systemd.unit(5)).
func unitFolders() []string {
	return []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}
}

// reader reads a file of the node; nil: there is none.
type reader func(path string) (*File, error)

// word is a word of a command line and the file in which it stands; empty: nobody knows.
type word struct{ text, file string }

// unitFile is a unit, or a drop-in of one.
type unitFile struct {
	path    string
	options []option
}

// option is one setting of the section Service.
type option struct{ name, value string }

// unitFiles returns a unit and its drop-ins in the order in which systemd reads them; none:
// there is no such unit.
func (t *Tree) unitFiles(read reader, name string) ([]unitFile, error) {
	var paths []string
	for _, folder := range unitFolders() {
		f, err := read(path.Join(folder, name))
		if err != nil {
			return nil, err
		}
		if f != nil {
			paths = append(paths, path.Join(folder, name))
			break
		}
	}
	if len(paths) == 0 {
		return nil, nil
	}
	dropIns := map[string]string{} // by name: one in an earlier folder hides those in later ones
	for _, folder := range slices.Backward(unitFolders()) {
		folder = path.Join(folder, name+".d")
		names, err := t.list(folder)
		if err != nil {
			return nil, err
		}
		for _, one := range names {
			if strings.HasSuffix(one, ".conf") {
				dropIns[one] = path.Join(folder, one)
			}
		}
	}
	for _, one := range slices.Sorted(maps.Keys(dropIns)) {
		paths = append(paths, dropIns[one])
	}
	var files []unitFile
	for _, one := range paths {
		f, err := read(one)
		if err != nil {
			return nil, err
		}
		if f == nil {
			continue // a link that leads nowhere
		}
		files = append(files, unitFile{one, serviceOptions(string(f.Text))})
	}
	return files, nil
}

// serviceOptions are the settings of the section Service, in their order (systemd.syntax(7)).
func serviceOptions(text string) []option {
	var found []option
	section, begun := "", "" // begun is what a line has begun that goes on in the next one
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") || line == "" && begun == "" {
			continue
		}
		if part, goesOn := strings.CutSuffix(line, "\\"); goesOn {
			begun += part + " "
			continue
		}
		line, begun = begun+line, ""
		if name, is := strings.CutPrefix(line, "["); is {
			section = strings.TrimSuffix(name, "]")
		} else if name, value, is := strings.Cut(line, "="); is && section == "Service" {
			found = append(found, option{strings.TrimSpace(name), strings.TrimSpace(value)})
		}
	}
	return found
}

// commandLine is what a service's ExecStart comes to, its variables put in as systemd does
// (systemd.service(5), Command lines).
func commandLine(read reader, files []unitFile) ([]word, error) {
	var line word
	variables := map[string]word{}
	var environmentFiles []string
	for _, file := range files {
		for _, option := range file.options {
			switch option.name {
			case "ExecStart":
				line = word{option.value, file.path} // an empty one takes back those before
			case "Environment":
				if option.value == "" {
					clear(variables)
				}
				for _, one := range edit.Words(option.value) {
					name, value, _ := strings.Cut(one, "=")
					variables[name] = word{value, file.path}
				}
			case "EnvironmentFile":
				if option.value == "" {
					environmentFiles = nil
				} else {
					environmentFiles = append(environmentFiles, strings.TrimPrefix(option.value, "-"))
				}
			}
		}
	}
	for _, one := range environmentFiles {
		f, err := read(one)
		if err != nil {
			return nil, err
		}
		if f != nil {
			readEnvironment(variables, one, string(f.Text))
		}
	}
	return expand(line, variables), nil
}

// readEnvironment takes what a file of environment variables says (systemd.exec(5),
// EnvironmentFile=).
func readEnvironment(variables map[string]word, file, text string) {
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, value, ok := strings.Cut(line, "="); ok && line[0] != '#' && line[0] != ';' {
			variables[strings.TrimSpace(name)] = word{unquote(strings.TrimSpace(value)), file}
		}
	}
}

// unquote takes the quotes off a value that is quoted as a whole.
func unquote(value string) string {
	for _, quote := range []string{`"`, `'`} {
		if len(value) > 1 && strings.HasPrefix(value, quote) && strings.HasSuffix(value, quote) {
			value = value[1 : len(value)-1]
			if quote == `"` {
				value = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(value)
			}
			return value
		}
	}
	return value
}

// expand takes a command line apart and puts the variables in: one that is a word of its own
// becomes as many words as it holds.
func expand(line word, variables map[string]word) []word {
	var words []word
	for i, text := range edit.Words(line.text) {
		if i == 0 {
			text = strings.TrimLeft(text, "@-:+!")
		}
		name, whole := strings.CutPrefix(text, "$")
		if value, known := variables[name]; whole && !strings.HasPrefix(name, "{") {
			if known {
				for _, one := range edit.Words(value.text) {
					words = append(words, word{one, value.file})
				}
			}
			continue
		}
		words = append(words, within(word{text, line.file}, variables))
	}
	return words
}

// within puts the variables in that are written as ${NAME} inside a word. What stands for a
// variable is taken as it is: systemd puts none into it.
func within(w word, variables map[string]word) word {
	var text strings.Builder
	for rest := w.text; ; {
		before, behind, found := strings.Cut(rest, "${")
		name, after, closed := strings.Cut(behind, "}")
		if !found || !closed {
			text.WriteString(rest)
			break
		}
		value := variables[name]
		text.WriteString(before + value.text)
		if value.file != "" {
			w.file = value.file
		}
		rest = after
	}
	w.text = text.String()
	return w
}
