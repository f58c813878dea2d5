package install

import (
	"fmt"
	"strings"

	"github.com/cri-logshim/cri-logshim/install/edit"
)

// Fate is what has become of a file since it was changed.
type Fate string

// The fates of a file.
const (
	AsInstalled Fate = "as installed"
	AsBefore    Fate = "as before"
	Foreign     Fate = "changed by others"
	Gone        Fate = "missing"
)

// fate says what has become of a file.
func (c *Changed) fate(now *File) Fate {
	switch {
	case now.sum() == c.After, c.Earlier != "" && now.sum() == c.Earlier:
		return AsInstalled
	case now == nil:
		return Gone
	case now.sum() == c.Before:
		return AsBefore
	}
	return Foreign
}

// given says whether others have changed a file's mode or owner, which an installation keeps.
func (c *Changed) given(now *File) bool {
	return now != nil && c.Before != "" && (now.Mode != c.Mode || now.UID != c.UID || now.GID != c.GID)
}

// original returns a file as it would be without the installation, of which c is the record.
// Where others have changed it since, only our settings are taken out, as far as they are
// still as we set them; what was ours as a whole, and was changed, belongs to others now.
func (t *Tree) original(c *Changed, now *File) (*File, error) {
	switch c.fate(now) {
	case AsBefore, Gone:
		return now, nil
	case AsInstalled:
		f, err := t.kept(c)
		if f != nil && now != nil { // others may have taken away rights since, which are not given again
			f.Mode, f.UID, f.GID = now.Mode, now.UID, now.GID
		}
		return f, err
	case Foreign:
	}
	text := now.Text
	for _, s := range c.Settings {
		var err error
		if text, err = takeOut(text, s); err != nil {
			return nil, fmt.Errorf("take %s out of %q, which others have changed: %w", s.Key, c.Path, err)
		}
	}
	return now.with(text), nil
}

// takeOut takes back one setting, if it is as we set it.
func takeOut(text []byte, s Setting) ([]byte, error) {
	if strings.HasPrefix(s.Key, "--") {
		if value, found := edit.LookupFlag(text, s.Key); !found || value != s.New || s.Old == nil {
			return text, nil
		}
		return edit.SetFlag(text, s.Key, *s.Old)
	}
	value, found, err := edit.Lookup(text, s.Key)
	switch {
	case err != nil:
		return nil, err
	case !found || value != s.New:
		return text, nil
	case s.Old == nil:
		return edit.Remove(text, s.Key)
	}
	return edit.Set(text, s.Key, *s.Old)
}
