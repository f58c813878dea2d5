package bypass

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The files of this package, beside the shim's socket. Both hold lines of a key, a colon, a
// space and a value, which a shell can write and read.
const (
	stateName = "bypass.state"     // there while the bypass is on
	lastName  = "bypass.endpoints" // Endpoints, as of the daemon that served last
)

func (e Endpoints) stateFile() string { return filepath.Join(filepath.Dir(e.Shim), stateName) }

// State is a bypass that is on.
type State struct {
	// Automatic says that it ends by itself when the daemon serves again.
	Automatic bool      `json:"automatic"`
	Since     time.Time `json:"since"`
	Reason    string    `json:"reason,omitempty"` // on one line
}

// By says who has put it on.
func (s State) By() string {
	if s.Automatic {
		return "automatic"
	}
	return "manual"
}

func (s State) String() string {
	text := s.By() + " since " + s.Since.UTC().Format(time.RFC3339)
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	return text
}

func writeState(path string, s State) error {
	return replaceFile(path, fmt.Sprintf("by: %s\nsince: %s\nreason: %s\n",
		s.By(), s.Since.UTC().Format(time.RFC3339), strings.Join(strings.Fields(s.Reason), " ")))
}

// readState returns nil if the bypass is off. A file that says less than it should
// is an automatic one's, since a person's is written whole or not at all.
func readState(path string) (*State, error) {
	values, info, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // Off is neither an error nor a state.
	}
	if err != nil {
		return nil, err
	}
	since, err := time.Parse(time.RFC3339, values["since"])
	if err != nil {
		since = info.ModTime()
	}
	return &State{Automatic: values["by"] != "manual", Since: since.UTC(), Reason: values["reason"]}, nil
}

// Save writes down where kubelet is led, for whoever has to do so without this daemon and
// its configuration, and makes the spare link.
func (e Endpoints) Save(ctx context.Context) error {
	return e.alone(ctx, func() error {
		path := filepath.Join(filepath.Dir(e.Shim), lastName)
		err := replaceFile(path, fmt.Sprintf("link: %s\nshim: %s\nruntime: %s\n", e.Link, e.Shim, e.Runtime))
		if e.hasSpare(e.Runtime) {
			return err
		}
		return errors.Join(err, os.MkdirAll(filepath.Dir(e.Link), directoryMode), makeLink(e.Runtime, e.spare()))
	})
}

// Forget undoes Save in the folder of the shim's socket, for a daemon that makes no link.
func Forget(dir string) error { return remove(filepath.Join(dir, lastName)) }

// Last returns what the daemon whose socket is in dir has saved last.
func Last(dir string) (Endpoints, error) {
	path := filepath.Join(dir, lastName)
	values, _, err := readFile(path)
	if err != nil {
		return Endpoints{}, err
	}
	e := Endpoints{Link: values["link"], Shim: values["shim"], Runtime: values["runtime"]}
	for _, p := range []string{e.Link, e.Shim, e.Runtime} {
		if !filepath.IsAbs(p) {
			return Endpoints{}, fmt.Errorf("%s: is cut or holds something else", path)
		}
	}
	return e, nil
}

func readFile(path string) (values map[string]string, info fs.FileInfo, err error) {
	content, err := os.ReadFile(path)
	if err == nil {
		info, err = os.Stat(path)
	}
	if err != nil {
		return nil, nil, err
	}
	values = map[string]string{}
	for line := range strings.Lines(string(content)) {
		if key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); ok {
			values[key] = value
		}
	}
	return values, info, nil
}

// replaceFile replaces a file in one step. It is in memory, so nothing has to be made to last.
func replaceFile(path, text string) error {
	next := path + ".new"
	err := os.WriteFile(next, []byte(text), 0o600)
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		return errors.Join(err, remove(next))
	}
	return nil
}
