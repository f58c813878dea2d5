package logreader_test

import (
	"testing"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// A number that the file system has given anew is not taken for the file that bore it before.
func TestIdentityHasABirth(t *testing.T) {
	of := func(inode, born uint64) logreader.ID { return logreader.ID{Device: 1, Inode: inode, Born: born} }
	for _, test := range []struct {
		a, b logreader.ID
		same bool
	}{
		{of(1, 5), of(1, 5), true},
		{of(1, 5), of(1, 6), false},
		{of(1, 0), of(1, 6), true},
		{of(1, 5), of(2, 5), false},
		{of(1, 0), logreader.ID{Device: 2, Inode: 1}, false},
	} {
		if test.a.Is(test.b) != test.same || test.b.Is(test.a) != test.same {
			t.Errorf("%+v and %+v are one: %t, want %t", test.a, test.b, !test.same, test.same)
		}
	}
}
