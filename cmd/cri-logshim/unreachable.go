package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cri-logshim/cri-logshim/exitcode"
)

// origin says where a setting comes from: the flag that overrides it, its line in the
// file, or nowhere.
func (o *options) origin(key, flag string) string {
	if o.given(flag) {
		return "it is from --" + flag
	}
	if line := o.lines[key]; line > 0 {
		return fmt.Sprintf("it is %s in %s, line %d", key, o.configPath, line)
	}
	return fmt.Sprintf("it is the default; --%s names another", flag)
}

// unreachable says of a call that did not get to the runtime, or that was refused, why
// and what to do. An error of ours is returned as it is.
func unreachable(ctx context.Context, endpoint, origin string, err error) error {
	answered, isStatus := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err)
	if !isStatus {
		return err
	}
	var what string
	switch answer := answered.GRPCStatus(); answer.Code() {
	case codes.Unavailable:
		what = atSocket(ctx, strings.TrimPrefix(endpoint, "unix://"))
	case codes.DeadlineExceeded:
		what = fmt.Sprintf("no answer within %s", explainTimeout)
	case codes.Unimplemented:
		what = "whoever listens there is no container runtime that speaks CRI"
	default:
		return fmt.Errorf("the runtime at %s refuses: %s", endpoint, answer.Message())
	}
	return exitcode.With(exitcode.Unreachable, fmt.Errorf("cannot ask the runtime at %s: %s (%s)", endpoint, what, origin))
}

// atSocket says why nobody is reached at a socket.
func atSocket(ctx context.Context, path string) string {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", path)
	if err == nil {
		err = conn.Close()
	}
	switch {
	case err == nil:
		return "it closes the connection; is this a container runtime's socket?"
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such socket; is the runtime running?"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there; is the runtime running?"
	case errors.Is(err, fs.ErrPermission):
		return "no permission; only root may"
	}
	return err.Error()
}
