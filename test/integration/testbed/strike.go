package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Strike says at which system call a shim is killed; the command strike tells the rest.
type Strike struct {
	// Steps are calls on files, as "renameat=/var/log/pods/*/app/0.log.*". The last one
	// kills, once those before it have been seen.
	Steps []string
	After bool // the call has taken effect; otherwise it never does
	Nth   int  // of the calls that match the last step; 0: the first
}

// LaunchInto starts the shim so that it is killed at a step, and does not wait until it
// serves: it may be dead before.
func (s *Shim) LaunchInto(strike Strike) error {
	if err := os.RemoveAll(s.reportFile()); err != nil {
		return err
	}
	wrapper := []string{
		s.strike, "-after=" + strconv.FormatBool(strike.After), "-nth", strconv.Itoa(max(1, strike.Nth)),
		"-report", s.reportFile(),
	}
	wrapper = append(append(wrapper, strike.Steps...), "--")
	if err := s.launch(wrapper...); err != nil {
		return fmt.Errorf("start cri-logshim into a strike: %w", err)
	}
	return nil
}

// StartRecorded starts the shim, waits until it serves, and has its calls on files below
// a folder noted; Recorded returns them. Calls are names of the command strike.
func (s *Shim) StartRecorded(ctx context.Context, under string, calls ...string) error {
	if err := os.RemoveAll(s.reportFile()); err != nil {
		return err
	}
	wrapper := []string{s.strike, "-record", "-under", under, "-report", s.reportFile()}
	for _, call := range calls {
		wrapper = append(wrapper, call+"=*")
	}
	if err := s.launch(append(wrapper, "--")...); err != nil {
		return fmt.Errorf("start cri-logshim recorded: %w", err)
	}
	return s.serves(ctx)
}

// Recorded is every call that was noted, with the path of its file.
func (s *Shim) Recorded() ([][2]string, error) {
	text, err := os.ReadFile(s.reportFile())
	if err != nil {
		return nil, fmt.Errorf("read what was recorded: %w", err)
	}
	var found [][2]string
	for line := range strings.Lines(string(text)) {
		call, file, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		found = append(found, [2]string{call, file})
	}
	return found, nil
}

// Struck waits, for within at most, until the shim has been killed at the step of
// LaunchInto, and returns the path of the file that it was about; a shim that lives on is
// an error.
func (s *Shim) Struck(ctx context.Context, within time.Duration) (file string, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	select {
	case <-s.ended:
	case <-ctx.Done():
		return "", fmt.Errorf("cri-logshim has not come to the step: %w\n%s", context.Cause(ctx), s.Log())
	}
	if s.failure == nil {
		return "", fmt.Errorf("cri-logshim has ended by itself\n%s", s.Log())
	}
	// The one who kills tells of it a moment later.
	err = Until(ctx, func(context.Context) error {
		found, err := s.Recorded()
		switch {
		case errors.Is(err, os.ErrNotExist) || err == nil && len(found) == 0:
			return fmt.Errorf("cri-logshim has ended before the step: %w\n%s", s.failure, s.Log())
		case err == nil:
			file = found[0][1]
		}
		return err
	})
	return file, err
}

func (s *Shim) reportFile() string { return filepath.Join(s.dir, "strike") }
