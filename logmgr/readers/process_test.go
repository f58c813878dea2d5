package readers_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/readers"
)

// childVariable makes the test binary a process that has files open.
const childVariable = "CRI_LOGSHIM_TEST_READER"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		if err := obey(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "the child:", err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// child is a process that does as it is told, a line at a time.
type child struct {
	*testing.T
	cmd     *exec.Cmd
	orders  io.Writer
	answers *bufio.Reader
}

// start begins a process that has a file open: "r", "w", "rw" or "path".
func start(t *testing.T, mode, file string, changes ...func(*syscall.SysProcAttr)) *child {
	t.Helper()
	c := begin(t, changes...)
	c.do("open " + mode + " " + file)
	return c
}

// startLooker begins a process that looks for the readers of a file.
func startLooker(t *testing.T, id logfile.ID, changes ...func(*syscall.SysProcAttr)) *child {
	t.Helper()
	c := begin(t, changes...)
	c.do(fmt.Sprintf("want %d %d", id.Dev, id.Ino))
	return c
}

func begin(t *testing.T, changes ...func(*syscall.SysProcAttr)) *child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), childVariable+"=1")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	for _, change := range changes {
		change(cmd.SysProcAttr)
	}
	orders, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		orders.Close()
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return &child{T: t, cmd: cmd, orders: orders, answers: bufio.NewReader(answers)}
}

// do gives an order and returns the answer.
func (c *child) do(order string) string {
	c.Helper()
	if _, err := fmt.Fprintln(c.orders, order); err != nil {
		c.Fatal(err)
	}
	answer, err := c.answers.ReadString('\n')
	if err != nil {
		c.Fatalf("%q: %v", order, err)
	}
	return strings.TrimSpace(answer)
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// name is the program's as the kernel has it.
func (c *child) name() string {
	c.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", c.pid()))
	if err != nil {
		c.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// obey is the child's side. All descriptors stay open but the one that is closed.
func obey(orders io.Reader, answers io.Writer) error {
	var file *os.File
	var want logfile.ID
	for in := bufio.NewScanner(orders); in.Scan(); {
		fields := strings.Fields(in.Text())
		answer := "done"
		var err error
		switch fields[0] {
		case "open":
			flags := map[string]int{"r": os.O_RDONLY, "w": os.O_WRONLY, "rw": os.O_RDWR, "path": unix.O_PATH}
			file, err = os.OpenFile(fields[2], flags[fields[1]], 0)
		case "read":
			var n int64
			if n, err = strconv.ParseInt(fields[1], 10, 64); err == nil {
				_, err = io.CopyN(io.Discard, onlyReader{file}, n)
			}
		case "close":
			err = file.Close()
		case "hide":
			err = errors.Join(
				unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
				unix.Mount("nothing", fields[1], "tmpfs", 0, ""))
		case "mount":
			options := map[string]string{"proc": "", "hidepid": "hidepid=2"}
			err = errors.Join(
				unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
				unix.Mount("proc", "/proc", "proc", 0, options[fields[1]]))
		case "become":
			var uid int
			if uid, err = strconv.Atoi(fields[1]); err == nil {
				err = errors.Join(syscall.Setgroups(nil), syscall.Setgid(uid), syscall.Setuid(uid))
			}
		case "want":
			_, err = fmt.Sscan(fields[1]+" "+fields[2], &want.Dev, &want.Ino)
		case "look":
			answer, err = lookFor(want)
		case "confined":
			var confined bool
			confined, err = readers.New("/proc", ".log").Confined()
			answer = fmt.Sprint("confined ", confined)
		}
		if err != nil {
			return fmt.Errorf("%q: %w", in.Text(), err)
		}
		fmt.Fprintln(answers, answer)
	}
	return nil
}

// onlyReader keeps io from other ways to copy than read.
type onlyReader struct{ io.Reader }

func lookFor(id logfile.ID) (string, error) {
	found, err := readers.New("/proc", ".log").Look(context.Background(), map[logfile.ID]struct{}{id: {}})
	return fmt.Sprintf("readers %d denied %d", len(found.Readers[id]), found.Denied), err
}

// newFile makes a log of some bytes.
func newFile(t *testing.T, size int) (string, logfile.ID) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "0.log")
	if err := os.WriteFile(file, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	id, err := identify(file)
	if err != nil {
		t.Fatal(err)
	}
	return file, id
}

func identify(file string) (logfile.ID, error) {
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err != nil {
		return logfile.ID{}, err
	}
	return logfile.ID{Dev: st.Dev, Ino: st.Ino}, nil
}

func run(ctx context.Context, name string, args ...string) error {
	return exec.CommandContext(ctx, name, args...).Run()
}

// needsRoot reports a test that only root can run in the file of tests that were not run.
func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if path := os.Getenv("CRI_LOGSHIM_NOT_RUN_FILE"); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		_, err = fmt.Fprintln(f, t.Name())
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	t.Skip("needs root: runs processes as other users and in namespaces")
}
