// Command demo shows cri-logshim at work: a private containerd, cri-logshim before it, and
// a pod, made through cri-logshim, that writes numbered lines as fast as they are taken.
// It shows the log while it is being rotated, reads every file of it back in the end, and
// removes all that it made. Its exit code is 0 only if not one line is missing.
//
// hack/demo.sh builds and starts it. It is handed a folder for the programs that it
// builds, and removes that folder too.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	programs := flag.String("programs", "", "folder to build in, removed at the end")
	duration := flag.Duration("duration", 15*time.Second, "how long the pod writes")
	flag.Parse()

	// A reader that goes away ends the demo by the error of a write, so that it cleans up.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err := start(ctx, *programs, *duration)
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case err == nil:
		return
	case interrupted && !errors.Is(err, errLeft):
		fmt.Fprintln(os.Stderr, "demo: interrupted; all it made is removed")
	default:
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
	os.Exit(1)
}

// errLeft means that something of the demo may still be there.
var errLeft = errors.New("clean up")

// cleanUp adds to err how a clean-up went wrong.
func cleanUp(err *error, remove func() error) {
	if failed := remove(); failed != nil {
		*err = errors.Join(*err, fmt.Errorf("%w: %w", errLeft, failed))
	}
}

func start(ctx context.Context, programs string, duration time.Duration) (err error) {
	if programs == "" {
		return errors.New("-programs is missing: run hack/demo.sh")
	}
	defer cleanUp(&err, func() error { return os.RemoveAll(programs) })
	if os.Geteuid() != 0 {
		return errors.New("it starts containerd and a pod, which needs root")
	}
	d := demo{screen: newScreen(os.Stdout), duration: duration}
	if err := d.run(ctx, programs); err != nil {
		return err
	}
	return d.screen.err
}
