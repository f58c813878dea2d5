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
	defer stop()
	err := start(ctx, *programs, *duration)
	switch {
	case err == nil:
		return
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "demo: interrupted; everything it made is removed")
	default:
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
	stop()
	os.Exit(1)
}

func start(ctx context.Context, programs string, duration time.Duration) (err error) {
	if programs == "" {
		return errors.New("-programs is missing: run hack/demo.sh")
	}
	defer func() { err = errors.Join(err, os.RemoveAll(programs)) }()
	if os.Geteuid() != 0 {
		return errors.New("it starts containerd and a pod, which needs root")
	}
	d := demo{screen: newScreen(os.Stdout), duration: duration}
	return errors.Join(d.run(ctx, programs), d.screen.err)
}
