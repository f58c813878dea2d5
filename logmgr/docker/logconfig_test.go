package docker

import (
	"math"
	"testing"
)

// Sizes as Docker reads them: units are powers of 1000 in every spelling.
func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "4096": 4096, "10k": 10e3, "10K": 10e3, "10kb": 10e3, "10KB": 10e3, "10KiB": 10e3, "10Ki": 10e3, "10 k": 10e3,
		"10m": 10e6, "10M": 10e6, "1.5m": 15e5, "2g": 2e9, "2GB": 2e9, "1t": 1e12, "1p": 1e15, "100b": 100,
		"9000000p": math.MaxInt64,
	} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "-1m", "m", " ", "b", "i", "1x", "1e3", "0x10", "inf", "NaN", "1.2.3", "1mm", "1 0m", "+1"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}

// Nothing makes a negative size, and a size that is read stays the same with the unit in
// the other case.
func FuzzParseSize(f *testing.F) {
	for _, seed := range []string{"10m", "1.5GiB", "-1", "1e3", "9999999999999999999p", "1..", "\x00m"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseSize(text)
		if n < 0 || err != nil && n != 0 {
			t.Errorf("%q: %d, %v", text, n, err)
		}
		size, files := limits(map[string]string{"max-size": text, "max-file": text})
		if size < 0 || files < 0 || (size == 0) != (files == 0) {
			t.Errorf("%q: limits %d and %d", text, size, files)
		}
	})
}
