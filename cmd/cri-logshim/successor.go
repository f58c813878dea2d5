package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/proxy"
)

// A process hands over to its successor in these steps, so that no connection is ever
// refused and no call is cut:
//
//	predecessor                        successor
//	starts it with its listeners
//	                                   reads the configuration, opens all it needs,
//	                                   connects to the runtime
//	                         ◀─ready─ or ─away─, if it cannot reach the runtime
//	accepts nothing more
//	                         ─serve─▶
//	                                   accepts
//	                         ◀─serving─
//	tells systemd who is the main process
//	                         ─main─▶
//	ends its work on logs              begins its work on logs
//	serves on until every call has ended
//
// Until "serving" the predecessor can take everything back, and does when the other one
// fails or takes too long. A successor that loses its predecessor goes on alone.
const (
	wordReady   = "ready"
	wordAway    = "away" // ready, but for the runtime
	wordServe   = "serve"
	wordServing = "serving"
	wordMain    = "main"
	wordAbandon = "abandon" // for the successor: end, the predecessor goes on
)

// inheritanceVariable tells a successor what it is given, as JSON.
const inheritanceVariable = "CRI_LOGSHIM_INHERITANCE"

// Descriptors of a successor: the line to its predecessor, and its listeners.
const (
	lineDescriptor     = 3
	listenerDescriptor = 4
)

// inheritance is what a successor is given beside its command line.
type inheritance struct {
	Listeners []inheritedListener `json:"listeners"` // in the order of their descriptors
}

// inheritedListener is one listener. Its endpoint is told as the setting has it: what is
// asked of the socket may be another name of the same address ("localhost:9465", ":9465").
type inheritedListener struct {
	Setting  string `json:"setting"`
	Endpoint string `json:"endpoint"`
	Owned    bool   `json:"owned"` // its socket's file goes with it

	listener net.Listener // nil: off
}

// The settings that name addresses.
const (
	settingListen  = "listen"
	settingAdmin   = "admin.listen"
	settingMetrics = "admin.metrics"
)

// program is the file that this process was started from, and where a newer one is
// looked for.
type program struct{ path string }

// ownProgram finds it by the command line where that names a path, as systemd's does, and
// not by /proc/self/exe, which leads behind a link that may be changed to a newer file.
func ownProgram() (program, error) {
	path, err := filepath.Abs(os.Args[0])
	if !strings.Contains(os.Args[0], "/") {
		path, err = os.Executable()
	}
	if err != nil {
		return program{}, fmt.Errorf("find this program's file: %w", err)
	}
	return program{path}, nil
}

// replaced tells whether another file has taken the place of the one that runs, or none,
// of which a hand-over will say so.
func (p program) replaced() bool {
	there, errThere := os.Stat(p.path)
	runs, errRuns := os.Stat("/proc/self/exe")
	return p.path != "" && errRuns == nil && (errThere != nil || !os.SameFile(there, runs))
}

// successor is the process that is to take over.
type successor struct {
	pid  int
	line *line
}

// startSuccessor starts the program again, as a child of our own parent: that is how
// systemd hears of its end, and it is no child of a process that will have gone.
func startSuccessor(p program, listeners []inheritedListener) (_ *successor, err error) {
	if os.Getpid() == 1 {
		return nil, errors.New("the first process of a pid namespace cannot hand over, since all others end with it")
	}
	own, theirs, err := newLine()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unix.Close(theirs)) }()
	files := []uintptr{0, 1, 2, uintptr(theirs)}
	var given inheritance
	for _, l := range listeners {
		socket, is := l.listener.(syscall.Conn)
		if !is {
			continue // off
		}
		fd, dupErr := proxy.Duplicate(socket)
		if dupErr != nil {
			return nil, errors.Join(fmt.Errorf("pass on %s: %w", l.Setting, dupErr), own.Close())
		}
		defer func() { err = errors.Join(err, unix.Close(fd)) }()
		files = append(files, uintptr(fd))
		l.Owned = owned(l.listener)
		given.Listeners = append(given.Listeners, l)
	}
	env, err := successorsEnvironment(given)
	if err != nil {
		return nil, errors.Join(err, own.Close())
	}
	//nolint:gosec // the very command line that this process was started with
	pid, err := syscall.ForkExec(p.path, os.Args, &syscall.ProcAttr{
		Env: env, Files: files,
		Sys: &syscall.SysProcAttr{Cloneflags: unix.CLONE_PARENT, Setsid: true},
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %q: %w", p.path, err), own.Close())
	}
	return &successor{pid: pid, line: own}, nil
}

// owned tells whether the file of a listener goes with it.
func owned(l net.Listener) bool {
	o, is := l.(*proxy.Listener)
	return is && o.Owned()
}

// successorsEnvironment is ours, without what systemd said to this process only.
func successorsEnvironment(given inheritance) ([]string, error) {
	text, err := json.Marshal(given)
	if err != nil {
		return nil, fmt.Errorf("describe what a successor is given: %w", err)
	}
	env := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains([]string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID", inheritanceVariable}, name)
	})
	return append(env, inheritanceVariable+"="+string(text)), nil
}

// abandon ends a successor that is not to take over: it is told so, and killed if it
// does not end. As long as it holds its end of the line its id is its own.
func (s *successor) abandon(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, abandonTime)
	defer cancel()
	err := s.line.say(wordAbandon)
	for err == nil || !errors.Is(err, errGone) && ctx.Err() == nil {
		_, err = s.line.hear(ctx) // whatever it has said before it ends
	}
	if errors.Is(err, errGone) {
		return s.line.Close()
	}
	// It leads a session of its own, with whatever it may have started.
	return errors.Join(syscall.Kill(-s.pid, syscall.SIGKILL), s.line.Close())
}

// abandonTime is how long a successor has to end that is not to take over.
const abandonTime = 2 * time.Second

// line is how the two processes speak: words, one on a line.
type line struct {
	net.Conn
	words *bufio.Reader
}

// newLine returns our end, and the descriptor of the other one.
func newLine() (own *line, theirs int, err error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, -1, fmt.Errorf("make a line to a successor: %w", err)
	}
	own, err = lineAt(ends[0])
	if err != nil {
		return nil, -1, errors.Join(err, unix.Close(ends[1]))
	}
	return own, ends[1], nil
}

// lineAt takes a descriptor over.
func lineAt(fd int) (_ *line, err error) {
	file := os.NewFile(uintptr(fd), "line")
	defer func() { err = errors.Join(err, file.Close()) }()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, fmt.Errorf("take over the line between two processes: %w", err)
	}
	return &line{Conn: conn, words: bufio.NewReader(conn)}, nil
}

func (l *line) say(word string) error {
	if _, err := fmt.Fprintln(l, word); err != nil {
		return fmt.Errorf("say %q to the other process: %w", word, err)
	}
	return nil
}

// errGone says that the other process has ended.
var errGone = errors.New("it has ended; what it had to say is in this log")

// hear waits for one of some words until ctx is done, and returns it. Another word is an
// error, and so is the end of the other process, errGone.
func (l *line) hear(ctx context.Context, want ...string) (string, error) {
	if err := l.SetReadDeadline(time.Time{}); err != nil {
		return "", err
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		_ = l.SetReadDeadline(time.Unix(1, 0)) // of a line that is closed nothing is heard anyway
	})
	got, err := l.words.ReadString('\n')
	if !stop() {
		<-interrupted // and not the next time
	}
	got = strings.TrimSpace(got)
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil:
		return "", errGone
	case !slices.Contains(want, got):
		return "", fmt.Errorf("it says %q", got)
	}
	return got, nil
}
