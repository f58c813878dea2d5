package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/cri-logshim/cri-logshim/bypass"
	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/exitcode"
)

// What "bypass status" exits with, where it does not exit with 0 or, since it has failed, with 1.
const (
	exitUnserved = 2 // kubelet may have no runtime
	exitPast     = 3 // kubelet has the runtime, past cri-logshim; as systemctl says of a unit that is not active
)

// nodeStatus is what status shows as JSON.
type nodeStatus struct {
	bypass.Status
	Mode    config.Mode `json:"mode"`
	Trouble string      `json:"trouble,omitempty"` // why the daemon does not answer; empty: it does
	// RuntimeTrouble is why nobody is reached at the runtime's socket; empty: somebody is.
	RuntimeTrouble string `json:"runtimeTrouble,omitempty"`
}

// code is what the program exits with.
func (s nodeStatus) code() exitcode.Code {
	trouble, known := map[bypass.Way]string{bypass.ToShim: s.Trouble, bypass.ToRuntime: s.RuntimeTrouble}[s.Way]
	switch {
	case !known || trouble != "":
		return exitUnserved
	case s.Way == bypass.ToRuntime && wayOf(s.Mode) == bypass.ToShim:
		return exitPast
	}
	return 0
}

func (n node) status(ctx context.Context, w io.Writer, out *output) error {
	s, err := n.endpoints.Status()
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("only root may see where kubelet is led: %w", err)
	}
	if err != nil {
		return err
	}
	whole := nodeStatus{Status: s, Mode: n.mode}
	if err := n.answers(ctx); err != nil {
		whole.Trouble = err.Error()
	}
	if err := listens(ctx, s.Runtime); err != nil {
		whole.RuntimeTrouble = err.Error()
	}
	if err := out.print(w, whole, whole.printText); err != nil {
		return err
	}
	if code := whole.code(); code != 0 {
		return exitcode.With(code, exitcode.ErrTold)
	}
	return nil
}

func (s nodeStatus) printText(out io.Writer) error {
	leads := map[bypass.Way]string{
		bypass.ToShim: "cri-logshim, " + s.Target, bypass.ToRuntime: "the runtime, " + s.Target,
		bypass.Elsewhere: "elsewhere, " + s.Target, bypass.Missing: "nowhere: there is no link",
	}
	state, daemon, runtime := "off", "answers at "+s.Shim, "somebody listens at "+s.Runtime
	if s.Bypass != nil {
		state = s.Bypass.String()
	}
	if s.Trouble != "" {
		daemon = "does not answer at " + s.Shim
	}
	if s.RuntimeTrouble != "" {
		runtime = "nobody listens at " + s.Runtime
	}
	_, err := fmt.Fprintf(out, "endpoint     %s\nleads to     %s\nbypass       %s\nmode         %s\ncri-logshim  %s\nruntime      %s\n",
		s.Link, leads[s.Way], state, s.Mode, daemon, runtime)
	return err
}
