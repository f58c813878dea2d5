package logreader

import (
	"fmt"
	"strings"
)

// FileError tells that a file could not be read, or only in part. Reading goes on with the next.
type FileError struct {
	Container Container
	Name      string
	Err       error
}

func (e *FileError) Error() string {
	return fmt.Sprintf("%s/%s/%s: read %q: %v; what else it holds is passed over", e.Container.Namespace, e.Container.Pod.Name, e.Container.Name, e.Name, e.Err)
}

// Unwrap is what was wrong with the file.
func (e *FileError) Unwrap() error { return e.Err }

// GapError tells that files were removed after they were listed and before they were read.
type GapError struct {
	Container Container
	After     string // the file that was read last
}

func (e *GapError) Error() string {
	return fmt.Sprintf("%s/%s/%s: files were removed before they could be read, so lines that followed those of %q may be missing", e.Container.Namespace, e.Container.Pod.Name, e.Container.Name, e.After)
}

// CutError tells that somebody has cut a file off while it was read.
type CutError struct {
	Container Container
	Name      string
}

func (e *CutError) Error() string {
	return fmt.Sprintf("%s/%s/%s: %q was cut off by somebody while it was read, so lines may be missing; it is read from its beginning", e.Container.Namespace, e.Container.Pod.Name, e.Container.Name, e.Name)
}

// NoLogError tells that there is no log of a container, or not of the attempt that was asked for.
type NoLogError struct {
	Container Container
	Attempts  []uint32 // of which there are logs
}

func (e *NoLogError) Error() string {
	name := fmt.Sprintf("%s/%s/%s", e.Container.Namespace, e.Container.Pod.Name, e.Container.Name)
	if len(e.Attempts) == 0 {
		return fmt.Sprintf("there is no file of the log of %s", name)
	}
	return fmt.Sprintf("%s has no log of that attempt; there are logs of %s", name, attempts(e.Attempts))
}

func attempts(all []uint32) string {
	if len(all) == 1 {
		return fmt.Sprintf("attempt %d only", all[0])
	}
	return "attempts " + strings.Trim(strings.ReplaceAll(fmt.Sprint(all), " ", ", "), "[]")
}
