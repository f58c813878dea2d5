package terminal

import (
	"testing"

	"pgregory.net/rapid"
)

// A figure that does not fit its column, or that is off by a unit, misleads.
func TestSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0", 1023: "1023", 1024: "1Ki", 1536: "1.5Ki", 10 << 20: "10Mi", 1<<20 - 1: "1Mi", 999 << 10: "999Ki", 1000 << 10: "1Mi", 5 << 30: "5Gi", -2048: "-2Ki",
	} {
		if got := Size(n); got != want {
			t.Errorf("%d bytes: %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 1: "1/s", 2048: "2Ki/s"} {
		if got := Rate(n); got != want {
			t.Errorf("%d bytes a second: %s, want %s", n, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if n := rapid.Int64Min(0).Draw(t, "n"); len(Size(n)) > 6 {
			t.Fatalf("%d bytes: %s", n, Size(n))
		}
	})
}

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0 files", 1: "1 file", 2: "2 files"} {
		if got := Count(n, "file"); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
