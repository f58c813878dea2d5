package logname

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseCurrentRefusesWhatIsNoCurrentLog(t *testing.T) {
	for _, bad := range []string{
		"", ".log", "log", "1", "1.LOG", "1.log2", "01.log", "00.log", "+1.log", "-1.log", " 1.log", "1 .log", "0x1.log", "1_0.log",
		"4294967296.log", "1.log.gz", "1.log.20261121-012002", "a.log", "1.log\n", "١.log",
	} {
		if n, ok := ParseCurrent(bad); ok {
			t.Errorf("ParseCurrent(%q) = %d, true", bad, n)
		}
	}
}

// A file belongs to the log of its attempt if its name goes on with a dot.
func TestCurrentOf(t *testing.T) {
	for name, want := range map[string]string{
		"0.log": "0.log", "12.log.20261121-012002": "12.log", "3.log.x.log": "3.log", "0.log.tmp": "0.log",
		"0.log2": "", "00.log": "", "log": "", ".log.1": "", "0.logrotate": "", "a.log": "",
	} {
		current, _, ok := CurrentOf(name)
		if ok != (want != "") || ok && current != want {
			t.Errorf("%q belongs to %q, %v, want %q", name, current, ok, want)
		}
	}
}

func TestParseRotated(t *testing.T) {
	const ours, kubelets = "20261121-012002.123456789", "20261121-012002"
	for _, stamp := range []string{ours, kubelets} {
		for suffix, want := range map[string]Rotated{
			"":         {Stamp: stamp},
			".gz":      {Stamp: stamp, Compression: Gzip},
			".zst":     {Stamp: stamp, Compression: Zstd},
			".tmp":     {Stamp: stamp, Temporary: true},
			".gz.tmp":  {Stamp: stamp, Compression: Gzip, Temporary: true},
			".zst.tmp": {Stamp: stamp, Compression: Zstd, Temporary: true},
		} {
			for _, current := range []string{"0.log", "[*] ?.log", "a", "0.log.1"} {
				name := current + "." + stamp + suffix
				if got, ok := ParseRotated(current, name); !ok || got != want {
					t.Errorf("ParseRotated(%q, %q) = %+v, %v", current, name, got, ok)
				}
			}
		}
	}
	for _, name := range []string{
		"1.log", "1.log.", "1.log.tmp", "1.log.gz", "1.log.gz.tmp", "1.log.1", "1.log2", "11.log." + ours, "1.log2." + ours, "1log." + ours,
		"1.log." + ours + "0", "1.log." + ours[:24], "1.log." + ours + ".gz.gz", "1.log." + ours + ".tmp.gz", "1.log." + ours + ".tmp.tmp", "1.log." + ours + ".xz",
		"1.log." + strings.Replace(ours, ".", ",", 1), "1.log.20261321-012002", "1.log.20261121-252002", "1.log.20260230-012002", "1.log.2026112-1012002",
		"1.log.19691231-235959.000000000", "1.log.22620101-000000.000000000", "1.log.20261121 012002", "1.log." + kubelets + "Z", "1.log..gz", "1.log..tmp",
	} {
		if r, ok := ParseRotated("1.log", name); ok {
			t.Errorf("ParseRotated(%q) = %+v", name, r)
		}
	}
}

func FuzzParseCurrent(f *testing.F) {
	for _, s := range []string{"0.log", "01.log", "4294967295.log", "4294967296.log", "+1.log", "1.log2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if n, ok := ParseCurrent(name); ok && fmt.Sprintf("%d.log", n) != name {
			t.Fatalf("%q parses as %d", name, n)
		}
	})
}

func FuzzParseRotated(f *testing.F) {
	f.Add("0.log", "0.log.20261121-012002.123456789.gz.tmp")
	f.Add("0.log", "0.log.20261121-012002.zst")
	f.Add("", ".20261121-012002")
	f.Add("1.log", "11.log.20261121-012002")
	f.Add("1.log", "1.log.99991231-235959")
	f.Fuzz(func(t *testing.T, current, name string) {
		r, ok := ParseRotated(current, name)
		if !ok {
			return
		}
		again := current + "." + r.Stamp + r.Compression.Suffix()
		if r.Temporary {
			again += ".tmp"
		}
		if again != name {
			t.Fatalf("%q of %q comes back as %q", name, current, again)
		}
	})
}
