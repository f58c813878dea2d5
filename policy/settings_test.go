package policy_test

import (
	"errors"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/policy"
)

// TestSettings holds that everything the configuration says of logs reaches the
// log manager.
func TestSettings(t *testing.T) {
	c := config.Default()
	c.Rotation = config.Rotation{
		MaxSize: 1, MaxFiles: 2, MaxFilesUnread: 3, MaxAge: 4 * time.Second, DeleteAfter: 5 * time.Second, MaxTotalSize: 6,
		Compression: config.CompressionZstd, CompressAfter: 7, KeepAfterRemoval: 8,
	}
	c.Files = config.Files{Group: "12345", Mode: 0o640}
	c.Node = config.Node{MaxBytes: 1, MinFree: config.Floor{Percent: 2}, MinFreeInodes: config.Floor{Amount: 3}}
	s, err := policy.Settings(c, func(logmgr.Container, []policy.Problem) { t.Error("a problem is reported") })
	if err != nil {
		t.Fatal(err)
	}
	got := s.PolicyOf(logmgr.Container{})
	want := logmgr.Policy{
		MaxSize: 1, MaxFiles: 2, MaxFilesUnread: 3, MaxAge: 4 * time.Second, DeleteAfter: 5 * time.Second, MaxTotalSize: 6,
		Compression: logfile.Zstd, CompressAfter: 7, KeepAfterRemoval: 8,
	}
	if got != want {
		t.Errorf("the policy is %+v", got)
	}
	for field, value := range reflect.ValueOf(got).Fields() {
		if value.IsZero() {
			t.Errorf("%s is not set by any setting", field.Name)
		}
	}
	if s.Files.Group == nil || *s.Files.Group != 12345 || s.Files.Mode != 0o640 {
		t.Errorf("the files are %+v", s.Files)
	}
	node := logmgr.Node{MaxBytes: 1, MinFree: logmgr.Floor{Percent: 2}, MinFreeInodes: logmgr.Floor{Amount: 3}}
	if diff := cmp.Diff(node, s.Node); diff != "" {
		t.Errorf("the node (-want +got):\n%s", diff)
	}
	c.Rotation.Compression = config.CompressionNone
	if s, err = policy.Settings(c, nil); err != nil || s.PolicyOf(logmgr.Container{}).Compression != logfile.Plain {
		t.Errorf("without compression: %v", err)
	}
}

// TestGroup holds which groups are found, and what is said of one that is not.
func TestGroup(t *testing.T) {
	groups, err := os.ReadFile("/etc/group")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Split(strings.SplitN(string(groups), "\n", 2)[0], ":")
	for group, want := range map[string]string{"": "", "0": "0", "4294967": "4294967", fields[0]: fields[2]} {
		c := config.Default()
		c.Files.Group = group
		s, err := policy.Settings(c, nil)
		if err != nil {
			t.Errorf("%q: %v", group, err)
			continue
		}
		got := ""
		if s.Files.Group != nil {
			got = strconv.Itoa(*s.Files.Group)
		}
		if got != want {
			t.Errorf("%q is %q, want %q", group, got, want)
		}
	}
	for _, group := range []string{"no-such-group", "4294967296"} {
		c := config.Default()
		c.Files.Group = group
		_, err := policy.Settings(c, nil)
		var fault config.Fault
		if !errors.As(err, &fault) || fault.Path != "files.group" || !strings.Contains(fault.Message, "must be a group of this machine") {
			t.Errorf("%q: %v", group, err)
		}
		if checked := policy.Check(c); len(checked) != 1 || checked[0].Error() != err.Error() {
			t.Errorf("%q: checked %v", group, checked)
		}
	}
}
