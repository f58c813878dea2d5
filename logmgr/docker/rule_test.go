package docker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// What a data directory tells of a container by itself.
func TestByRule(t *testing.T) {
	limited := `{"LogConfig": {"Type": "json-file", "Config": {"max-size": "1k"}}}`
	for name, test := range map[string]struct {
		config string
		log    bool
		want   logmgr.Redirection // its path is meant where there is a log
		fails  bool
	}{
		"both":                        {limited, true, logmgr.Redirection{Driver: "json-file", MaxSize: 1000, MaxFiles: 1}, false},
		"the log alone":               {"", true, logmgr.Redirection{}, false}, // and its limits are not known
		"a configuration that is cut": {limited[:20], true, logmgr.Redirection{}, false},
		"not started yet":             {limited, false, logmgr.Redirection{Driver: "json-file", MaxSize: 1000, MaxFiles: 1}, false},
		"another driver":              {`{"LogConfig": {"Type": "journald"}}`, false, logmgr.Redirection{Driver: "journald"}, false},
		"nothing":                     {"", false, logmgr.Redirection{}, true},
		"no driver":                   {`{}`, false, logmgr.Redirection{}, true},
		"neither, and cut":            {limited[:20], false, logmgr.Redirection{}, true},
		"of the wrong kind":           {`{"LogConfig": {"Type": "json-file", "Config": {"max-size": 7}}}`, true, logmgr.Redirection{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			path := put(t, root, test.config, test.log)
			test.want.Elsewhere = !test.fails
			if test.log {
				test.want.Path = path
			}
			got, err := byRule(root, id)
			if got != test.want || (err != nil) != test.fails {
				t.Errorf("%+v, %v, want %+v", got, err, test.want)
			}
			if err != nil && !strings.Contains(err.Error(), path) {
				t.Errorf("the error does not name the file: %v", err)
			}
		})
	}
}

// What is no regular file at the log's place is not the runtime's log.
func TestByRuleNoFile(t *testing.T) {
	for name, plant := range map[string]func(path string) error{
		"a link":      func(path string) error { return os.Symlink("/etc/shadow", path) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		root := t.TempDir()
		path := put(t, root, "", false)
		if err := plant(path); err != nil {
			t.Fatal(err)
		}
		if got, err := byRule(root, id); err == nil || got != (logmgr.Redirection{}) {
			t.Errorf("%s: %+v, %v, want an error", name, got, err)
		}
	}
}

// An id is a name in one directory and leads nowhere else.
func TestByRuleNames(t *testing.T) {
	root := t.TempDir()
	for _, bad := range []string{"", ".", "..", "/", "a/b", "../containers/" + id, id + "/"} {
		if err := os.MkdirAll(filepath.Join(root, "containers", bad), 0o700); err != nil {
			t.Fatal(err)
		}
		if got, err := byRule(root, bad); err == nil || got != (logmgr.Redirection{}) {
			t.Errorf("%q: %+v, %v, want an error", bad, got, err)
		}
	}
}
