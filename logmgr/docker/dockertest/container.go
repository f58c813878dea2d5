package dockertest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Lines is the command of a container that writes numbered lines (runtimetest.Read) to
// both streams. Its arguments are how many of each, 0 or none for no end, and how many
// bytes each line has. The start of any other command fails.
const Lines = "lines"

const notFoundInPath = 127 // the exit code of a command that is not found

// container is one of Docker's containers, as far as anybody here asks.
type container struct {
	id, sandbox string
	config      *cri.ContainerConfig
	logPath     string // dockershim keeps it in a label
	dir         string // in Docker's data
	driver      string
	options     map[string]string
	created     time.Time

	mu                sync.Mutex
	file              string // LogPath of docker inspect; empty before the first start
	started, finished time.Time
	exitCode          int
	failure           string
	stop              chan struct{} // closed: it shall end; nil: it does not run
	ended             chan struct{} // closed: it has
	err               error         // of its log
}

func (c *container) running() bool {
	if c.stop == nil {
		return false
	}
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

// start is docker start.
func (c *container) start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		return nil // as docker start, if it runs; no kubelet starts a container twice
	}
	var log *jsonFile
	if c.driver == "json-file" {
		path := filepath.Join(c.dir, c.id+"-json.log")
		var err error
		if log, err = openJSONFile(path, c.options); err != nil {
			return err
		}
		c.file = path
	}
	command := append(append([]string{}, c.config.GetCommand()...), c.config.GetArgs()...)
	if len(command) == 0 || command[0] != Lines {
		c.exitCode = notFoundInPath
		c.failure = fmt.Sprintf("OCI runtime create failed: container_linux.go:380: starting container process caused: exec: %q: executable file not found in $PATH: unknown", strings.Join(command, " "))
		if log == nil {
			return errors.New(c.failure)
		}
		return errors.Join(errors.New(c.failure), log.close())
	}
	numbers, err := parseNumbers(command[1:])
	if err != nil {
		return err
	}
	c.started, c.stop, c.ended = time.Now(), make(chan struct{}), make(chan struct{})
	go c.run(log, numbers[0], numbers[1])
	return nil
}

func parseNumbers(args []string) (numbers [2]int, err error) {
	for i := 0; i < len(args) && i < len(numbers) && err == nil; i++ {
		numbers[i], err = strconv.Atoi(args[i])
	}
	return numbers, err
}

func (c *container) run(log *jsonFile, count, length int) {
	out := []*output{{stream: "stdout", file: log}, {stream: "stderr", file: log}}
	err := writeLines(out, c.stop, count, length)
	for _, o := range out {
		err = errors.Join(err, o.end())
	}
	if log != nil {
		err = errors.Join(err, log.close())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finished, c.err = time.Now(), err
	close(c.ended)
}

// writeLines writes until stop is closed or count lines are there, and then the last ones,
// which say how many came before them.
func writeLines(out []*output, stop <-chan struct{}, count, length int) error {
	const (
		burst = 2000      // bytes, or a line of each stream
		pace  = 2_000_000 // bytes a second
	)
	number := 0
	for going := true; going && (count == 0 || number < count); {
		written := 0
		for written < burst && (count == 0 || number < count) {
			number++
			for _, o := range out {
				line := fmt.Sprintf("%s %d ", o.stream, number)
				line += strings.Repeat("x", max(0, length-len(line)-1)) + "\n"
				written += len(line)
				if _, err := io.WriteString(o, line); err != nil {
					return err
				}
			}
		}
		select {
		case <-stop:
			going = false
		case <-time.After(time.Duration(written) * time.Second / pace):
		}
	}
	for _, o := range out {
		if _, err := fmt.Fprintf(o, "%s done %d\n", o.stream, number); err != nil {
			return err
		}
	}
	return nil
}

// halt is docker stop: it returns when the container has ended.
func (c *container) halt() error {
	c.mu.Lock()
	stop, ended := c.stop, c.ended
	if c.running() {
		select {
		case <-stop:
		default:
			close(stop)
		}
	}
	c.mu.Unlock()
	if ended != nil {
		<-ended
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// link makes the link that dockershim makes after every start, failed or not
// (createContainerLogSymlink). It does not make the directory.
func (c *container) link() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.logPath == "" || c.file == "" {
		return nil
	}
	_ = os.Remove(c.logPath) // whatever it is, and whatever comes of it
	if err := os.Symlink(c.file, c.logPath); err != nil {
		return fmt.Errorf("failed to create symbolic link %q to the container log file %q for container %q: %w", c.logPath, c.file, c.id, err)
	}
	return nil
}

// remove is dockershim's RemoveContainer: the link goes first, then docker rm --force.
func (c *container) remove() error {
	if c.logPath != "" {
		if err := os.Remove(c.logPath); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("failed to remove container %q log symlink %q: %w", c.id, c.logPath, err)
		}
	}
	return errors.Join(c.halt(), os.RemoveAll(c.dir))
}
