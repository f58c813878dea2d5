package integration

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// checkExec sends bytes through a command in a container and looks at its exit code.
func (n *kubectlNode) checkExec(t *testing.T, w way) {
	t.Helper()
	if err := n.echo(t.Context(), string(w)+"shell", 1<<20); err != nil {
		t.Error(err)
	}
}

// echo sends bytes through a command in the container "app" of a pod, which ends with an exit
// code of its own.
func (n *kubectlNode) echo(ctx context.Context, pod string, size int) error {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	sent := random(size)
	cmd := n.Kubectl(ctx, "exec", "-i", pod, "-c", "app", "--", "sh", "-c", "cat; echo complaint >&2; exit 3")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(sent), &stderr
	got, err := cmd.Output()
	exit := &exec.ExitError{}
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.HasPrefix(stderr.String(), "complaint\n") || !bytes.Equal(got, sent) {
		return fmt.Errorf("kubectl exec: %w, %d of %d bytes came back, it says %q", err, len(got), len(sent), &stderr)
	}
	return nil
}

// checkTerminal types into a shell on a terminal of another size, and ends it.
func (n *kubectlNode) checkTerminal(t *testing.T, w way) {
	t.Helper()
	master, slave := newTerminal(t, 33, 101)
	ctx, cancel := context.WithTimeout(t.Context(), commandTime)
	defer cancel()
	cmd := n.Kubectl(ctx, "exec", "-it", string(w)+"shell", "-c", "app", "--", "sh")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	screen := newScreen(master)
	for _, step := range []struct{ typed, shown string }{
		{"", "# "},
		{"tty\n", "/dev/pts/"},
		{"stty size\n", "33 101\r\n"},
		{"echo $((6*7))\n", "42\r\n"},
		{"exit 5\n", ""},
	} {
		if _, err := io.WriteString(master, step.typed); err != nil {
			t.Fatal(err)
		}
		if err := screen.shows(ctx, step.shown); err != nil {
			t.Fatal(err)
		}
	}
	err := cmd.Wait()
	if exit := (&exec.ExitError{}); !errors.As(err, &exit) || exit.ExitCode() != 5 {
		t.Errorf("kubectl exec -it: %v, the screen shows %q", err, screen.rest())
	}
}

// newTerminal makes a pseudo terminal.
func newTerminal(t *testing.T, rows, columns uint16) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns})
	}
	if err == nil {
		slave, err = os.OpenFile(filepath.Join("/dev/pts", strconv.Itoa(number)), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// screen is what a program has printed and nobody has looked at yet.
type screen struct {
	printed chan []byte // closed at the end
	pending []byte
}

// newScreen reads until the other end is closed.
func newScreen(from io.Reader) *screen {
	s := &screen{printed: make(chan []byte)}
	go func() {
		defer close(s.printed)
		for {
			part := make([]byte, 4096)
			n, err := from.Read(part)
			if err != nil {
				return
			}
			s.printed <- part[:n]
		}
	}()
	return s
}

// shows waits until a text is printed, and takes what is printed up to it as seen.
func (s *screen) shows(ctx context.Context, text string) error {
	_, err := s.before(ctx, text)
	return err
}

// before is as shows, and returns what is printed before the text.
func (s *screen) before(ctx context.Context, text string) (string, error) {
	for {
		if before, after, ok := bytes.Cut(s.pending, []byte(text)); ok {
			s.pending = after
			return string(before), nil
		}
		select {
		case part, ok := <-s.printed:
			if !ok {
				return "", fmt.Errorf("wait for %q: the program has ended, after %q", text, s.pending)
			}
			s.pending = append(s.pending, part...)
		case <-ctx.Done():
			return "", fmt.Errorf("wait for %q: %w, after %q", text, context.Cause(ctx), s.pending)
		}
	}
}

// rest is what is printed up to the end.
func (s *screen) rest() string {
	for part := range s.printed {
		s.pending = append(s.pending, part...)
	}
	return string(s.pending)
}

// checkAttach speaks to a container's own process, leaves it, and comes back.
func (n *kubectlNode) checkAttach(t *testing.T, w way) {
	t.Helper()
	pod := string(w) + "shell"
	for _, word := range []string{"first", "second"} {
		if err := n.attach(t.Context(), pod, word); err != nil {
			t.Error(err)
		}
	}
	logged := n.kubectl(t, "logs "+pod+" -c reader")
	if said := strings.ReplaceAll(logged, "got "+greeting+"\n", ""); said != "got first\ngot second\n" {
		t.Errorf("of what was said to the container its log holds %q", logged)
	}
	n.waitReady(t, pod, 0)
}

// attach says a word to the container "reader" of a pod and waits for its answer.
func (n *kubectlNode) attach(ctx context.Context, pod, word string) error {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	a, err := n.beginAttach(ctx, pod)
	if err != nil {
		return err
	}
	return errors.Join(a.say(ctx, word), a.end())
}

// attachment is a kubectl attach.
type attachment struct {
	cmd    *exec.Cmd
	input  io.Writer
	screen *screen
	stderr bytes.Buffer
}

// beginAttach starts one to the container "reader" of a pod, and returns when it is heard.
func (n *kubectlNode) beginAttach(ctx context.Context, pod string) (*attachment, error) {
	a := &attachment{cmd: n.Kubectl(ctx, "attach", "-i", pod, "-c", "reader")}
	a.cmd.Stderr = &a.stderr
	var err error
	if a.input, err = a.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := a.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := a.cmd.Start(); err != nil {
		return nil, err
	}
	a.screen = newScreen(output)
	if err := a.greet(ctx); err != nil {
		return nil, errors.Join(err, a.end())
	}
	return a, nil
}

// greeting is what an attachment begins with, once or more often.
const greeting = "hello"

// greet speaks until it is answered. containerd takes what is said before it gives what is
// answered (ContainerIO.Attach), so that an early answer goes to the log alone.
func (a *attachment) greet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	for {
		if _, err := io.WriteString(a.input, greeting+"\n"); err != nil {
			return err
		}
		patience, lose := context.WithTimeout(ctx, time.Second)
		err := a.screen.shows(patience, "got "+greeting+"\n")
		lose()
		if err == nil || !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return err
		}
	}
}

// say says a word and waits for its answer.
func (a *attachment) say(ctx context.Context, word string) error {
	_, err := io.WriteString(a.input, word+"\n")
	return errors.Join(err, a.screen.shows(ctx, "got "+word+"\n"))
}

// end leaves the container, which lives on. That kubectl has ended before is an error.
func (a *attachment) end() error {
	err := a.cmd.Process.Signal(syscall.SIGTERM) // an interrupt is ignored by what a script runs in the background
	a.screen.rest()
	if exit := (&exec.ExitError{}); errors.As(a.cmd.Wait(), &exit) && exit.Exited() {
		err = errors.Join(err, fmt.Errorf("kubectl attach: %w, it says %q", exit, &a.stderr))
	}
	return err
}

// checkPortForward sends bytes to a port in the pod's network and back, over two
// connections at once.
func (n *kubectlNode) checkPortForward(t *testing.T, w way) {
	t.Helper()
	port := echoServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), commandTime)
	defer cancel()
	forward, err := n.forward(ctx, string(w)+"shell", port)
	if err != nil {
		t.Fatal(err)
	}
	connections, running := errgroup.WithContext(ctx)
	for range 2 {
		connections.Go(func() error { return thereAndBack(running, forward.address, 4<<20) })
	}
	if err := errors.Join(connections.Wait(), forward.end()); err != nil {
		t.Error(err)
	}
}

// forwarding is a kubectl port-forward.
type forwarding struct {
	address string // of this end
	cmd     *exec.Cmd
	screen  *screen
	stderr  bytes.Buffer
}

// forward starts one to a port of a pod and waits until it serves.
func (n *kubectlNode) forward(ctx context.Context, pod string, port int) (*forwarding, error) {
	f := &forwarding{cmd: n.Kubectl(ctx, "port-forward", "--address=127.0.0.1", "pod/"+pod, fmt.Sprintf(":%d", port))}
	f.cmd.Stderr = &f.stderr
	output, err := f.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := f.cmd.Start(); err != nil {
		return nil, err
	}
	f.screen = newScreen(output)
	err = f.screen.shows(ctx, "Forwarding from ")
	if err == nil {
		f.address, err = f.screen.before(ctx, " -> ")
	}
	if err == nil {
		err = f.screen.shows(ctx, "\n")
	}
	if err != nil {
		return nil, fmt.Errorf("kubectl port-forward: %w", errors.Join(err, f.end()))
	}
	return f, nil
}

// end ends it as Ctrl+C does. That it has complained is an error.
func (f *forwarding) end() error {
	err := f.cmd.Process.Signal(os.Interrupt)
	f.screen.rest()
	_ = f.cmd.Wait() // by the signal
	if f.stderr.Len() > 0 {
		err = errors.Join(err, fmt.Errorf("kubectl port-forward: it says %q", &f.stderr))
	}
	return err
}

// echoServer is a server that says what it hears, in the network of the machine and so of
// every pod. It returns its port.
func echoServer(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving errgroup.Group
	serving.Go(func() error {
		for {
			conn, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			if err != nil {
				return err
			}
			serving.Go(func() error {
				defer conn.Close()
				_, _ = io.Copy(conn, conn) // what is missing is found by who has said it
				return nil
			})
		}
	})
	t.Cleanup(func() {
		if err := errors.Join(listener.Close(), serving.Wait()); err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().(*net.TCPAddr).Port
}

// thereAndBack sends bytes to an echo server and compares what comes back.
func thereAndBack(ctx context.Context, address string, size int) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(commandTime)); err != nil {
		return err
	}
	sent, got := random(size), make([]byte, size)
	var both errgroup.Group
	both.Go(func() error { _, err := conn.Write(sent); return err })
	both.Go(func() error { _, err := io.ReadFull(bufio.NewReader(conn), got); return err })
	if err := both.Wait(); err != nil {
		return fmt.Errorf("send bytes over a forwarded port: %w", err)
	}
	if !bytes.Equal(sent, got) {
		return errors.New("send bytes over a forwarded port: others come back")
	}
	return nil
}

// checkCopy copies a folder into a container and back.
func (n *kubectlNode) checkCopy(t *testing.T, w way) {
	t.Helper()
	if err := n.copyBoth(t.Context(), string(w)+"shell", t.TempDir(), 4<<20); err != nil {
		t.Error(err)
	}
}

// copyBoth copies a folder into the container "app" of a pod and back, by way of dir.
func (n *kubectlNode) copyBoth(ctx context.Context, pod, dir string, size int) error {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	there, back := filepath.Join(dir, "there"), filepath.Join(dir, "back")
	files := map[string][]byte{"large": random(size), "empty": {}, "with a blank": []byte("x"), "folder/deep": random(1000)}
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(there, name)), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(there, name), content, 0o644); err != nil {
			return err
		}
	}
	remote := pod + ":/tmp/" + filepath.Base(dir)
	for _, args := range [][]string{{"cp", there, remote, "-c", "app"}, {"cp", remote, back, "-c", "app"}} {
		if said, err := n.Kubectl(ctx, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("kubectl %q: %w, it says %q", args, err, said)
		}
	}
	for name, content := range files {
		got, err := os.ReadFile(filepath.Join(back, name))
		if err != nil {
			return fmt.Errorf("kubectl cp: %w", err)
		}
		if !bytes.Equal(got, content) {
			return fmt.Errorf("kubectl cp: of %q with %d bytes come back %d others", name, len(content), len(got))
		}
	}
	return nil
}

func random(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.Read(b) // never fails
	return b
}
