package kept

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// Term is what becomes of a directory's files once they are found nowhere else. It is
// remembered beside them, since nobody can be asked by then.
type Term struct {
	// Keep is how long they stay.
	Keep time.Duration
	// Compression of those that are still plain, and how long they stay so.
	Compression   logfile.Compression
	CompressAfter time.Duration
}

const (
	termName = ".term" // begins like no file of a log
	termTmp  = ".term.tmp"

	// lostTerm is the term of a directory whose own cannot be read: a week, which is
	// the longest that pods may ask for unless the operator says otherwise.
	lostTerm = 7 * 24 * time.Hour
)

// termFile is how a term lies on disk.
type termFile struct {
	Keep          string `json:"keepAfterRemoval"`
	Compression   string `json:"compression,omitempty"`
	CompressAfter string `json:"compressAfter,omitempty"`
}

// writeTerm puts the term in the directory in one step. It is not made durable: who
// tends a log would wait for the disk, and a term that a power cut has taken away is
// written anew or lostTerm.
func writeTerm(dir *logfile.Dir, t Term) error {
	content, err := json.Marshal(termFile{
		Keep: t.Keep.String(), Compression: string(t.Compression), CompressAfter: t.CompressAfter.String(),
	})
	if err != nil {
		return fmt.Errorf("write the term of %q: %w", dir.Path(), err)
	}
	tmp, name := dir.ProcPath(termTmp), dir.ProcPath(termName)
	err = os.WriteFile(tmp, append(content, '\n'), 0o600)
	if err == nil {
		err = os.Rename(tmp, name)
	}
	if err != nil {
		return fmt.Errorf("write the term of %q: %w", dir.Path(), err)
	}
	return nil
}

// readTerm reads the directory's term. One that is missing or damaged is lostTerm.
func readTerm(dir *logfile.Dir) (Term, error) {
	content, err := os.ReadFile(dir.ProcPath(termName))
	if errors.Is(err, fs.ErrNotExist) {
		return Term{Keep: lostTerm}, nil
	}
	if err != nil {
		return Term{}, fmt.Errorf("read the term of %q: %w", dir.Path(), err)
	}
	if t, ok := parseTerm(content); ok {
		return t, nil
	}
	return Term{Keep: lostTerm}, nil
}

// parseTerm reads what writeTerm has written.
func parseTerm(content []byte) (_ Term, ok bool) {
	var f termFile
	if json.Unmarshal(content, &f) != nil {
		return Term{}, false
	}
	keep, keepErr := time.ParseDuration(f.Keep)
	after, afterErr := time.ParseDuration(f.CompressAfter)
	if keepErr != nil || keep <= 0 {
		return Term{}, false
	}
	t := Term{Keep: keep, Compression: logfile.Compression(f.Compression), CompressAfter: after}
	if afterErr != nil || t.Compression != logfile.Gzip && t.Compression != logfile.Zstd {
		t.Compression, t.CompressAfter = logfile.Plain, 0
	}
	return t, true
}

// removeTerm removes the directory's term, so that nothing is left in it.
func removeTerm(dir *logfile.Dir) error {
	for _, name := range []string{termName, termTmp} {
		if err := os.Remove(dir.ProcPath(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the term of %q: %w", dir.Path(), err)
		}
	}
	return nil
}
