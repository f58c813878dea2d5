package testbed

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// cell runs one program in namespaces of its own; the command cell says how. Its methods
// are to be called one at a time.
type cell struct {
	cmd    *exec.Cmd
	orders io.WriteCloser
	events chan string // closed when the cell has ended
}

// newCell makes the cell in a network, without starting the program. What the program
// prints is appended to output.
func newCell(network *Network, binary string, output *os.File, env []string, program ...string) (*cell, error) {
	line := append(append(network.wrapper(), binary), program...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = env
	cmd.Stderr = output
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
		Setsid:     true, // an interrupt from the terminal is ours to act on
	}
	orders, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make the cell's pipe: %w", err)
	}
	told, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("make the cell's pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the cell: %w", err)
	}
	c := &cell{cmd: cmd, orders: orders, events: make(chan string, 16)}
	go func() {
		defer close(c.events)
		for in := bufio.NewScanner(told); in.Scan(); {
			c.events <- in.Text()
		}
	}()
	return c, nil
}

// start starts the program, which must not be running.
func (c *cell) start(ctx context.Context) error {
	if err := c.order("start"); err != nil {
		return err
	}
	return c.expect(ctx, "started")
}

// stop sends a signal and waits for the program's end.
func (c *cell) stop(ctx context.Context, signal syscall.Signal) error {
	if err := c.order(fmt.Sprintf("signal %d", signal)); err != nil {
		return err
	}
	return c.expect(ctx, "exited")
}

func (c *cell) order(text string) error {
	if _, err := io.WriteString(c.orders, text+"\n"); err != nil {
		return fmt.Errorf("order %q to the cell: %w", text, err)
	}
	return nil
}

func (c *cell) expect(ctx context.Context, want string) error {
	select {
	case event, ok := <-c.events:
		switch {
		case !ok:
			return fmt.Errorf("wait for %q: the cell has ended", want)
		case !strings.HasPrefix(event, want):
			return fmt.Errorf("wait for %q: the program has %s", want, event)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for %q: %w", want, context.Cause(ctx))
	}
}

// exited tells, without waiting, whether the program or the cell has ended by itself.
func (c *cell) exited() error {
	select {
	case event, ok := <-c.events:
		if !ok {
			return errors.New("the cell has ended")
		}
		return fmt.Errorf("the program has %s", event)
	default:
		return nil
	}
}

// close ends every process of the cell and returns when the last is gone.
func (c *cell) close() error {
	errClose := c.orders.Close()
	for range c.events { // until the cell's end of the pipe is closed
	}
	return errors.Join(errClose, c.cmd.Wait())
}
