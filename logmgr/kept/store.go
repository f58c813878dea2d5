package kept

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// ErrOtherFileSystem is wrapped when files below podLogsDir cannot have a second name in
// keepDir.
var ErrOtherFileSystem = errors.New("not on one mounted file system")

// ErrNotRoots is wrapped when somebody but root may write to keepDir. Second names that
// are in it already go on being known: a file with two names, one in its log's directory
// and one in that directory's mirror, has none elsewhere that a rotation or removal could
// harm, whoever has made them. But no file is given to such a directory, and nothing is
// read in it.
var ErrNotRoots = errors.New("root must own it, and nobody else may write to it")

// Store is the directory of second names. Its methods may be called from any goroutine;
// those on one directory wait for each other.
type Store struct {
	live, kept *logfile.Root
	path       string // of keepDir
	clock      clock

	mu    sync.Mutex
	terms map[string]Term // of directories, as they were written or read
}

// Open opens keepDir for the files below live, whose second names in it are ours from
// then on. It is made if it is not there. Whether names can be made in it, Try tells. now
// is the time of day; passed is how much time has passed since some moment, whatever
// happens to that.
func Open(live *logfile.Root, keepDir string, now func() time.Time, passed func() time.Duration) (*Store, error) {
	if err := makeTop(keepDir); err != nil {
		return nil, fmt.Errorf("make keepDir: %w", err)
	}
	root, err := live.OpenTwin(keepDir)
	if err != nil {
		return nil, fmt.Errorf("open keepDir: %w", err)
	}
	return &Store{
		live: live, kept: root, path: keepDir, clock: newClock(now, passed),
		terms: map[string]Term{},
	}, nil
}

// Close lets go of the directory.
func (s *Store) Close() error { return s.kept.Close() }

const (
	topMode    = 0o700 // of keepDir: what lies in it is trusted
	parentMode = 0o755
)

// makeTop makes keepDir, and the directories above it readable to all.
func makeTop(path string) error {
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(path)
	if _, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(parent, parentMode); err != nil {
			return err
		}
		if err := os.Chmod(parent, parentMode); err != nil { // whatever the umask
			return err
		}
	}
	if err := os.Mkdir(path, topMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// checkTop refuses a keepDir in which somebody else could plant files.
func checkTop(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return fmt.Errorf("stat keepDir %q: %w", path, err)
	}
	switch {
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Errorf("keepDir %q belongs to user %d: %w", path, st.Uid, ErrNotRoots)
	case st.Mode&0o022 != 0:
		return fmt.Errorf("keepDir %q has mode %#o: %w", path, st.Mode&0o777, ErrNotRoots)
	}
	return nil
}

// Try links a file below podLogsDir to keepDir, which is the only way to learn whether
// that can be done: two mounts of one file system look the same otherwise. The error
// wraps ErrOtherFileSystem if it cannot, and ErrNotRoots if it is not to be done.
func (s *Store) Try() error {
	if err := checkTop(s.path); err != nil {
		return err
	}
	f, err := os.CreateTemp(s.live.Path(), trialPattern)
	if err != nil {
		return fmt.Errorf("try a hard link: %w", err)
	}
	from, to := f.Name(), filepath.Join(s.path, trialName)
	err = errors.Join(f.Close(), ignoreMissing(os.Remove(to)))
	if err == nil {
		err = os.Link(from, to)
	}
	switch {
	case errors.Is(err, unix.EXDEV):
		err = fmt.Errorf("podLogsDir %q and keepDir %q: %w, so no hard link leads from one to the other: "+
			"put keepDir where podLogsDir is, and let one mount (one entry of ReadWritePaths= in the unit) hold both",
			s.live.Path(), s.path, ErrOtherFileSystem)
	case err != nil:
		err = fmt.Errorf("try a hard link: %w", err)
	}
	return errors.Join(err, ignoreMissing(os.Remove(from)), ignoreMissing(os.Remove(to)))
}

// The file that is linked to try it out. kubelet would remove one that is left behind.
const (
	trialPattern = ".cri-logshim-trial-*"
	trialName    = ".trial"
)

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// open opens the directory rel of keepDir, makes it if it is not there, and sees to it
// that it has the term.
func (s *Store) open(rel string, t Term) (*logfile.Dir, error) {
	s.mu.Lock()
	known := s.terms[rel]
	s.mu.Unlock()
	dir, err := s.kept.Dir(rel)
	if errors.Is(err, fs.ErrNotExist) {
		known = Term{}
		if err = makeTop(s.path); err == nil { // somebody may have removed all of it
			dir, err = s.kept.MakeDir(rel)
		}
	}
	if err != nil {
		return nil, err
	}
	if known == (Term{}) {
		if known, err = readTerm(dir); err != nil {
			return nil, errors.Join(err, dir.Close())
		}
	}
	if known != t {
		if err := writeTerm(dir, t); err != nil {
			return nil, errors.Join(err, dir.Close())
		}
	}
	s.mu.Lock()
	s.terms[rel] = t
	s.mu.Unlock()
	return dir, nil
}

// Forget drops what is remembered of a directory for speed.
func (s *Store) Forget(rel string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.terms, rel)
}
