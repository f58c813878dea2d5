package logfile

import "errors"

var (
	// ErrName is wrapped by errors about a name that cannot be one element of a path.
	ErrName = errors.New("not a valid name")
	// ErrEscapes is wrapped by errors about a log path that leaves the directory it must lie in.
	ErrEscapes = errors.New("path leaves its directory")
	// ErrUnsafe is wrapped when something other than a directory, or other than a regular
	// file of root's with one link, stands where a part of a log should.
	ErrUnsafe = errors.New("not safe to touch")
	// ErrChanged is wrapped when a name no longer belongs to the file it was expected to.
	ErrChanged = errors.New("is another file by now")
	// ErrHeld is wrapped when a process still has the file open for writing.
	ErrHeld = errors.New("still open for writing")
	// ErrGrown is wrapped when a file was written to while it was being compressed.
	ErrGrown = errors.New("has grown meanwhile")
)
