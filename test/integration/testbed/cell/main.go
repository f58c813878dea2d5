// Command cell is process 1 of a place of its own in which one program runs with
// everything that it starts: own process ids, own mounts, an own /proc and an empty /run.
// It ends when its standard input does, and the kernel then ends every
// process in the cell and takes its mounts away, however the one who made it came to die.
//
// It is started in new PID and mount namespaces as
//
//	cell [-cover <folder>]... [-bind <place>=<folder>]... [-pretend <file>=<content>]... <program> [<argument>]...
//
// A folder that is covered is empty for the program, and what it writes there goes with
// the cell. A folder that is bound is seen at another place, too. A file that is pretended, such as a kernel setting, has another content for
// the program. Its standard input takes one order a line:
//
//	start       start the program, which must not be running
//	signal <n>  send the program the signal of that number
//
// and its standard output tells what became of it:
//
//	started
//	exited <exit code, or 128 + signal>
//
// What the program prints goes to the standard error. The cell knows nothing of what the
// program is.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cell:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	v, program, err := parse(args)
	if err != nil {
		return err
	}
	if os.Getpid() != 1 || len(program) == 0 {
		return errors.New("to be started with a program, as process 1 of a PID namespace")
	}
	if err := isolate(v); err != nil {
		return err
	}
	orders := make(chan string)
	go func() {
		defer close(orders)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			orders <- in.Text()
		}
	}()
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)

	c := cell{program: program}
	for {
		select {
		case order, ok := <-orders:
			if !ok {
				return nil
			}
			if err := c.obey(order); err != nil {
				return err
			}
		case <-died:
			if err := c.reap(); err != nil {
				return err
			}
		}
	}
}

// cell knows the program while it runs.
type cell struct {
	program []string
	pid     int // 0: it does not run
}

func (c *cell) obey(order string) error {
	if order == "start" {
		return c.start()
	}
	number, ok := strings.CutPrefix(order, "signal ")
	n, err := strconv.Atoi(number)
	if !ok || err != nil {
		return fmt.Errorf("unknown order %q", order)
	}
	if c.pid == 0 {
		return nil // it has exited meanwhile, which is being told
	}
	if err := syscall.Kill(c.pid, syscall.Signal(n)); err != nil {
		return fmt.Errorf("signal %d to %q: %w", n, c.program[0], err)
	}
	return nil
}

func (c *cell) start() error {
	nothing, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer nothing.Close()
	process, err := os.StartProcess(c.program[0], c.program, &os.ProcAttr{
		Files: []*os.File{nothing, os.Stderr, os.Stderr},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return fmt.Errorf("start %q: %w", c.program[0], err)
	}
	c.pid = process.Pid
	fmt.Println("started")
	return process.Release() // reap waits for it
}

// reap takes every process that has died, also those that lost their parent.
func (c *cell) reap() error {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.ECHILD) || err == nil && pid == 0:
			return nil
		case err != nil:
			return fmt.Errorf("wait for a child: %w", err)
		case pid == c.pid:
			c.pid = 0
			code := status.ExitStatus()
			if status.Signaled() {
				code = 128 + int(status.Signal())
			}
			fmt.Println("exited", code)
		}
	}
}
