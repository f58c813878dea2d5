package install

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Variables are put into a command line once: what they hold is not looked at again, though it
// names variables, or itself.
func TestVariables(t *testing.T) {
	const unit = "/etc/systemd/system/kubelet.service"
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"inside a word":      {"Environment=A=1 B=2\nExecStart=/k --x=${A}-${B}${A}", []string{"/k", "--x=1-21"}},
		"that names itself":  {"Environment=PATH=${PATH}:/opt/bin\nExecStart=/k --path=${PATH}.", []string{"/k", "--path=${PATH}:/opt/bin."}},
		"that names another": {"Environment=A=${B} B=2\nExecStart=/k ${A} $A", []string{"/k", "${B}", "${B}"}},
		"unknown":            {"ExecStart=/k --x=${A} $A ${A", []string{"/k", "--x=", "${A"}},
	} {
		t.Run(name, func(t *testing.T) {
			none := func(string) (*File, error) { return nil, nil }
			line, err := commandLine(none, []unitFile{{unit, serviceOptions("[Service]\n" + test.text + "\n")}})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range line {
				got = append(got, w.text)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
