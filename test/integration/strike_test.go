package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// strikeTime is when a step is not going to come; it takes about a second on an idle machine.
const strikeTime = 5 * time.Minute

// effect tells whether the file that a call was to make or remove looks as it then should.
func effect(call, file string, took bool) error {
	switch {
	case call == "create", call == "renameat", call == "linkat", call == "mkdirat":
	case call == "unlinkat":
		took = !took
	default:
		return nil
	}
	if took {
		return exists(file)
	}
	return absent(file)
}

// strike kills the shim at a step of a log, proves that it was there, and leaves it dead.
func (h *killHarness) strike(t *testing.T, calls []string, after bool, log *testbed.Container) {
	t.Helper()
	strike := testbed.Strike{After: after}
	for _, call := range calls {
		strike.Steps = append(strike.Steps, h.on(log, call))
	}
	if h.shim.Running() {
		if err := h.shim.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.shim.LaunchInto(strike); err != nil {
		t.Fatal(err)
	}
	file, err := h.shim.Struck(t.Context(), strikeTime)
	if err != nil {
		t.Fatalf("%q, after it: %t: %v", calls, after, err)
	}
	call, _, _ := strings.Cut(calls[len(calls)-1], "=")
	if err := effect(call, file, after); err != nil {
		t.Errorf("killed at %q, after it: %t: %v", calls, after, err)
	}
	h.struck++
}

// strikeAt kills the shim before a step and after it.
func (h *killHarness) strikeAt(t *testing.T, step killStep) {
	t.Helper()
	log := h.whole
	for _, other := range h.logs() {
		if step.of != "" && other.Pod.Config.Metadata.Namespace == step.of {
			log = other
		}
	}
	for _, after := range []bool{false, true} {
		if step.once && !after {
			continue
		}
		if step.prepare != nil {
			step.prepare(h, t)
		}
		if step.from != nil {
			h.strike(t, step.from, true, log)
		}
		h.strike(t, step.calls, after, log)
	}
}
