// Command nest boots a machine inside the machine: it is started as process 1 of new PID,
// mount, host name, IPC and network namespaces, gives itself a root, devices and cgroups
// of its own, and becomes the init system that is found there. The kernel ends everything
// in the nest with process 1.
//
// It is started as
//
//	nest -root <folder> -work <folder> -console <file> -cgroup <name>
//	     [-bind <place>=<folder>]... [-pretend <kernel setting>=<value>]... <init> [<argument>]...
//
// The root is a folder with what the nest is to have of its own. What is in its /usr lies
// over the machine's, which is only read; the work folder, beside the root, is needed for
// that. /run, /tmp and /dev are in memory and go with the nest. The console is a file that
// takes what the init system prints. The cgroups are below one of that name in each of
// the machine's hierarchies; whoever starts the nest removes them afterwards. A folder
// that is bound is seen at a place in the nest.
//
// The kernel's settings are the machine's: they are read-only, as is /sys, and one that is
// pretended reads as another value in the nest.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	fmt.Fprintln(os.Stderr, "nest:", run(os.Args[1:]))
	os.Exit(1)
}

// nest is what the command line says.
type nest struct {
	root, work, console string
	cgroup              string
	binds, settings     map[string]string
}

// run returns only with an error: otherwise another program goes on in this process.
func run(args []string) error {
	n, init, err := parse(args)
	if err != nil {
		return err
	}
	if os.Getpid() != 1 || len(init) == 0 {
		return errors.New("to be started with an init system, as process 1 of a PID namespace")
	}
	runtime.LockOSThread() // namespaces and what exec leaves are this thread's
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts to ourselves: %w", err)
	}
	for _, step := range []func() error{n.enterCgroups, n.mountRoot, n.mountKernel, n.mountCgroups, n.makeDevices, n.pivot} {
		if err := step(); err != nil {
			return err
		}
	}
	// An init system that knows that it is in a container leaves alone what is the machine's.
	err = unix.Exec(init[0], init, []string{"container=testbed", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"})
	return fmt.Errorf("become %q: %w", init[0], err)
}

// parse splits the command line at the first argument that is no flag.
func parse(args []string) (*nest, []string, error) {
	n := &nest{binds: map[string]string{}, settings: map[string]string{}}
	flags := flag.NewFlagSet("nest", flag.ContinueOnError)
	flags.StringVar(&n.root, "root", "", "the `folder` that becomes /")
	flags.StringVar(&n.work, "work", "", "an empty `folder` on the same file system")
	flags.StringVar(&n.console, "console", "", "the `file` that is /dev/console")
	flags.StringVar(&n.cgroup, "cgroup", "", "the `name` of the cgroup in each hierarchy")
	flags.Func("bind", "a `place=folder`", into(n.binds))
	flags.Func("pretend", "a kernel `setting=value`, as vm/panic_on_oom=0", into(n.settings))
	err := flags.Parse(args)
	if err == nil && (n.root == "" || n.work == "" || n.console == "" || n.cgroup == "") {
		err = errors.New("-root, -work, -console and -cgroup are needed")
	}
	return n, flags.Args(), err
}

// into adds what is before the first = as a key, and the rest as its value.
func into(values map[string]string) func(string) error {
	return func(text string) error {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return errors.New("has no =")
		}
		values[key] = value
		return nil
	}
}

// in is a path of the nest before it is the root.
func (n *nest) in(path string) string { return filepath.Join(n.root, path) }
