package edit_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cri-logshim/cri-logshim/install/edit"
)

const flag = "--container-runtime-endpoint"

// A flag gets its value wherever command lines are written, and the way it is written stays.
func TestSetFlag(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"kubeadm":           {"KUBELET_KUBEADM_ARGS=\"" + flag + "=x --pod=1\"\n", "KUBELET_KUBEADM_ARGS=\"" + flag + "=" + shim + " --pod=1\"\n"},
		"the last of all":   {"X=\"--pod=1 " + flag + "=x\"\n", "X=\"--pod=1 " + flag + "=" + shim + "\"\n"},
		"with a space":      {"ExecStart=/k " + flag + " x --b\n", "ExecStart=/k " + flag + " " + shim + " --b\n"},
		"over two lines":    {"ExecStart=/k " + flag + " \\\n  x --b\n", "ExecStart=/k " + flag + " \\\n  " + shim + " --b\n"},
		"a quoted value":    {"ExecStart=/k " + flag + "='x'\n", "ExecStart=/k " + flag + "='" + shim + "'\n"},
		"quoted as a whole": {"ExecStart=/k \"" + flag + "=x\"\n", "ExecStart=/k \"" + flag + "=" + shim + "\"\n"},
		"a comment before":  {"# " + flag + "=old\nA=" + flag + "=x\n", "# " + flag + "=old\nA=" + flag + "=" + shim + "\n"},
		"a comment behind":  {"A=" + flag + "=x\n; " + flag + "=old\n", "A=" + flag + "=" + shim + "\n; " + flag + "=old\n"},
		"twice":             {"A=" + flag + "=x " + flag + "=y\n", "A=" + flag + "=x " + flag + "=" + shim + "\n"},
		"no line feed":      {"A=" + flag + "=x", "A=" + flag + "=" + shim},
		"begins its line":   {"A=\\\n" + flag + "=x\n", "A=\\\n" + flag + "=" + shim + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := edit.SetFlag([]byte(test.text), flag, shim)
			if err != nil || string(got) != test.want {
				t.Errorf("%v\n%s", err, cmp.Diff(test.want, string(got)))
			}
			if value, found := edit.LookupFlag(got, flag); value != shim || !found {
				t.Errorf("it is %q, %t", value, found)
			}
		})
	}
	for _, text := range []string{"", "# " + flag + "=x\n", "A=" + flag + "s=x\n", "A=-" + flag + "=x\n", "A=" + flag + "\n"} {
		if got, err := edit.SetFlag([]byte(text), flag, shim); !errors.Is(err, edit.ErrForm) {
			t.Errorf("%q: %v, %q", text, err, got)
		}
	}
}

// Words are those that systemd makes of a command line.
func TestWords(t *testing.T) {
	for line, want := range map[string][]string{
		"":                           nil,
		"/k --a=1\t--b \"c d\"":      {"/k", "--a=1", "--b", "c d"},
		"--a='x y'z \"\" \\ \\\"":    {"--a=x yz", "", " \""},
		"  --a=\"it's\" --b='\"'   ": {"--a=it's", "--b=\""},
	} {
		if diff := cmp.Diff(want, edit.Words(line)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", line, diff)
		}
	}
}
