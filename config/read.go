package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// pipeTime is how long whoever writes into a pipe may take to write all of it.
const pipeTime = 5 * time.Second

// Read returns the content of a configuration file. What is no file does not hold the reader
// up, as a pipe into which nobody writes would; one with a writer, as a shell's <(…), is
// read. The error is fs.ErrNotExist only if there is nothing at all at the path: a link to
// nowhere was meant to lead to a configuration.
func Read(path string) (data []byte, err error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, absent(path, err)
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	switch kind := info.Mode(); {
	case kind&fs.ModeNamedPipe != 0:
		return readPipe(file)
	case !kind.IsRegular() && !kind.IsDir() && path != os.DevNull: // reading says what a folder is
		return nil, Fault{File: path, Message: fmt.Sprintf("is no file (%s)", kind)}
	}
	return io.ReadAll(file)
}

// absent says what is at a path where no file is.
func absent(path string, err error) error {
	target, linkErr := os.Readlink(path)
	if linkErr != nil {
		return err
	}
	return Fault{File: path, Message: fmt.Sprintf("is a link to %q, where there is no file", target)}
}

func readPipe(pipe *os.File) ([]byte, error) {
	if err := pipe.SetReadDeadline(time.Now().Add(pipeTime)); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(pipe)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, Fault{File: pipe.Name(), Message: fmt.Sprintf("is a pipe, and what is written into it has not ended after %v", pipeTime)}
	case err != nil:
		return nil, err
	case len(data) == 0:
		return nil, Fault{File: pipe.Name(), Message: "is a pipe into which nobody writes, and no file"}
	}
	return data, nil
}
