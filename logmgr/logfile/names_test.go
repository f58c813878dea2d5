package logfile

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/logmgr/logname"
)

// badNames can be no part of any name that is built.
func badNames() []string {
	return []string{"", ".", "..", "/", "a/b", "../a", "a/", "a\x00b", strings.Repeat("a", 256)}
}

func TestPodDirName(t *testing.T) {
	const uid = "6f9d6f0e-4b39-4f9e-9d2b-0d1f4c2d9a11"
	for _, c := range []struct{ namespace, pod, uid, want string }{
		{"kube-system", "coredns-5d78c9869d-x2x8p", uid, "kube-system_coredns-5d78c9869d-x2x8p_" + uid},
		{"default", "web.example.com", uid, "default_web.example.com_" + uid},
		{"default", "[x]*?", "u 1", "default_[x]*?_u 1"},
		{"a", "...", "b", "a_..._b"},
	} {
		got, err := PodDirName(c.namespace, c.pod, c.uid)
		if err != nil || got != c.want {
			t.Errorf("PodDirName(%q, %q, %q) = %q, %v; want %q", c.namespace, c.pod, c.uid, got, err, c.want)
		}
		if namespace, pod, uid := parsePodDirName(got); namespace != c.namespace || pod != c.pod || uid != c.uid {
			t.Errorf("%q is taken for %q, %q, %q", got, namespace, pod, uid)
		}
	}
	for _, bad := range badNames() {
		for _, c := range [][3]string{{bad, "pod", "uid"}, {"ns", bad, "uid"}, {"ns", "pod", bad}} {
			if got, err := PodDirName(c[0], c[1], c[2]); !errors.Is(err, ErrName) {
				t.Errorf("PodDirName(%q) = %q, %v; want ErrName", c, got, err)
			}
		}
	}
	if _, err := PodDirName(strings.Repeat("n", 100), strings.Repeat("p", 100), strings.Repeat("u", 100)); !errors.Is(err, ErrName) {
		t.Errorf("a directory name of 302 bytes: %v; want ErrName", err)
	}
}

// parsePodDirName takes the name of a pod's log directory apart as kubelet does: what
// follows the last separator is the uid.
func parsePodDirName(name string) (namespace, pod, uid string) {
	namespace, rest, _ := strings.Cut(name, nameSeparator)
	last := strings.LastIndex(rest, nameSeparator)
	if last < 0 {
		return namespace, rest, ""
	}
	return namespace, rest[:last], rest[last+1:]
}

func TestContainerLogPath(t *testing.T) {
	for _, c := range []struct {
		container string
		attempt   uint32
		want      string
	}{
		{"app", 0, "app/0.log"},
		{"app-2", 11, "app-2/11.log"},
		{"odd [name]*", math.MaxUint32, "odd [name]*/4294967295.log"},
	} {
		got, err := ContainerLogPath(c.container, c.attempt)
		if err != nil || got != c.want {
			t.Errorf("ContainerLogPath(%q, %d) = %q, %v; want %q", c.container, c.attempt, got, err, c.want)
		}
		if attempt, ok := logname.ParseCurrent(filepath.Base(got)); !ok || attempt != c.attempt {
			t.Errorf("logname.ParseCurrent(%q) = %d, %v", filepath.Base(got), attempt, ok)
		}
	}
	for _, bad := range badNames() {
		if got, err := ContainerLogPath(bad, 0); !errors.Is(err, ErrName) {
			t.Errorf("ContainerLogPath(%q) = %q, %v; want ErrName", bad, got, err)
		}
	}
}

func TestLegacyLinkName(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	got, err := LegacyLinkName("web-0", "default", "app-2", id)
	if want := "web-0_default_app-2-" + id + ".log"; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	pod, namespace, container, parsed, ok := ParseLegacyLinkName(got)
	if !ok || pod != "web-0" || namespace != "default" || container != "app-2" || parsed != id {
		t.Errorf("ParseLegacyLinkName(%q) = %q, %q, %q, %q, %v", got, pod, namespace, container, parsed, ok)
	}
	for _, bad := range badNames() {
		for i := range 4 {
			args := []string{"pod", "ns", "container", "id"}
			args[i] = bad
			if got, err := LegacyLinkName(args[0], args[1], args[2], args[3]); !errors.Is(err, ErrName) {
				t.Errorf("LegacyLinkName(%q) = %q, %v; want ErrName", args, got, err)
			}
		}
	}
}

// TestLegacyLinkNameIsCutBeforeTheSuffix holds the name against the rule of 251 bytes and
// a suffix on both sides of the limit.
func TestLegacyLinkNameIsCutBeforeTheSuffix(t *testing.T) {
	for length := 240; length <= 260; length++ {
		pod := strings.Repeat("p", length-len("_ns_app-0123456789"))
		got, err := LegacyLinkName(pod, "ns", "app", "0123456789")
		stem := pod + "_ns_app-0123456789"
		want := stem[:min(251, length)] + ".log"
		if err != nil && len(pod) <= 255 || err == nil && got != want {
			t.Errorf("stem of %d bytes: %q, %v; want %q", length, got, err, want)
		}
		if _, _, _, id, ok := ParseLegacyLinkName(got); ok != (length < 251) || ok && id != "0123456789" {
			t.Errorf("stem of %d bytes parses: %v, %q", length, ok, id)
		}
	}
	// The cut counts bytes, also within a character.
	got, err := LegacyLinkName(strings.Repeat("é", 127), "ns", "app", "id")
	if want := strings.Repeat("é", 125) + "\xc3.log"; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestParseLegacyLinkNameRefusesOtherNames(t *testing.T) {
	for _, bad := range []string{"", ".log", "pod.log", "pod_ns.log", "pod_ns_app.log", "pod_ns_-id.log", "pod_ns_app-.log", "_ns_app-id.log", "pod__app-id.log", "pod_ns_app-id", "pod_ns_app-id.log.gz", "../x_ns_app-id.log"} {
		if pod, ns, container, id, ok := ParseLegacyLinkName(bad); ok {
			t.Errorf("ParseLegacyLinkName(%q) = %q, %q, %q, %q", bad, pod, ns, container, id)
		}
	}
}

func TestRelativeLogPath(t *testing.T) {
	for _, c := range []struct{ root, dir, path, want string }{
		{"/var/log/pods", "/var/log/pods/ns_pod_uid", "app/0.log", "ns_pod_uid/app/0.log"},
		{"/var/log/pods/", "/var/log/pods/ns_pod_uid/", "app/0.log", "ns_pod_uid/app/0.log"},
		{"/var/log/pods", "/var/log/pods/ns_pod_uid", "0.log", "ns_pod_uid/0.log"},
		{"/var/log/pods", "/var/log/pods/uid", "app/../app/./0.log", "uid/app/0.log"},
		{"/var/log/pods", "/var/log//pods/x/../uid", "app/0.log", "uid/app/0.log"},
		{"/var/log/pods", "/var/log/pods/uid", "/app/0.log", "uid/app/0.log"}, // runtimes merely join
		{"/var/log/pods", "/var/log/pods/u[i]d *", "a b/..0.log", "u[i]d */a b/..0.log"},
		{"/", "/pods", "app/0.log", "pods/app/0.log"},
	} {
		got, err := RelativeLogPath(c.root, c.dir, c.path)
		if err != nil || got != c.want {
			t.Errorf("RelativeLogPath(%q, %q, %q) = %q, %v; want %q", c.root, c.dir, c.path, got, err, c.want)
		}
	}
	for _, c := range []struct {
		root, dir, path string
		want            error
	}{
		{"/var/log/pods", "/var/log/pods/uid", "", ErrEscapes},
		{"/var/log/pods", "/var/log/pods/uid", ".", ErrEscapes},
		{"/var/log/pods", "/var/log/pods/uid", "..", ErrEscapes},
		{"/var/log/pods", "/var/log/pods/uid", "../other/app/0.log", ErrEscapes},
		{"/var/log/pods", "/var/log/pods/uid", "app/../../other/0.log", ErrEscapes},
		{"/var/log/pods", "/var/log/pods/uid", "../uid-2/0.log", ErrEscapes},
		{"/var/log/pods", "/var/log/pods", "app/0.log", ErrEscapes},
		{"/var/log/pods", "/var/log/pods/uid/..", "app/0.log", ErrEscapes},
		{"/var/log/pods", "/var/log/pods-2/uid", "app/0.log", ErrEscapes},
		{"/var/log/pods", "/etc", "app/0.log", ErrEscapes},
		{"/var/log/pods", "", "app/0.log", ErrEscapes},
		{"/var/log/pods", "uid", "app/0.log", ErrEscapes},
		{"var/log/pods", "var/log/pods/uid", "app/0.log", ErrEscapes},
		{"/var/log/pods", "/var/log/pods/uid", "app/0.log\x00", ErrName},
		{"/var/log/pods", "/var/log/pods/u\x00id", "app/0.log", ErrName},
	} {
		if got, err := RelativeLogPath(c.root, c.dir, c.path); !errors.Is(err, c.want) {
			t.Errorf("RelativeLogPath(%q, %q, %q) = %q, %v; want %v", c.root, c.dir, c.path, got, err, c.want)
		}
	}
}

// oneElement fails unless name can be created in a directory and nowhere else.
func oneElement(t *testing.T, name string) {
	t.Helper()
	if name == "" || name == "." || name == ".." || len(name) > 255 || strings.ContainsAny(name, "/\x00") {
		t.Fatalf("%q is not one element of a path", name)
	}
}

func FuzzPodDirName(f *testing.F) {
	for _, s := range append(badNames(), "default", "a_b", "_", "é") {
		f.Add(s, "pod", "uid")
		f.Add("ns", s, "uid")
		f.Add("ns", "pod", s)
	}
	f.Fuzz(func(t *testing.T, namespace, pod, uid string) {
		name, err := PodDirName(namespace, pod, uid)
		if err != nil {
			if !errors.Is(err, ErrName) {
				t.Fatalf("%v is no ErrName", err)
			}
			return
		}
		oneElement(t, name)
		n, p, u := parsePodDirName(name)
		if strings.Contains(namespace, "_") || strings.Contains(uid, "_") {
			return // no client that follows Kubernetes' rules for names makes these
		}
		if n != namespace || p != pod || u != uid {
			t.Fatalf("%q is taken for %q, %q, %q", name, n, p, u)
		}
	})
}

func FuzzContainerLogPath(f *testing.F) {
	for _, s := range append(badNames(), "app", "app-2", "[*") {
		f.Add(s, uint32(3))
	}
	f.Fuzz(func(t *testing.T, container string, attempt uint32) {
		path, err := ContainerLogPath(container, attempt)
		if err != nil {
			if !errors.Is(err, ErrName) {
				t.Fatalf("%v is no ErrName", err)
			}
			return
		}
		dir, name := filepath.Split(path)
		oneElement(t, strings.TrimSuffix(dir, "/"))
		if n, ok := logname.ParseCurrent(name); !ok || n != attempt || dir != container+"/" {
			t.Fatalf("%q parses as %q, %d, %v", path, dir, n, ok)
		}
	})
}

func FuzzLegacyLinkName(f *testing.F) {
	long := strings.Repeat("x", 250)
	for _, s := range append(badNames(), "web-0", "a_b", long) {
		f.Add(s, "ns", "app", "0123456789ab")
		f.Add("pod", s, "app", "0123456789ab")
		f.Add("pod", "ns", s, "0123456789ab")
		f.Add("pod", "ns", "app", s)
	}
	f.Fuzz(func(t *testing.T, pod, namespace, container, id string) {
		name, err := LegacyLinkName(pod, namespace, container, id)
		if err != nil {
			if !errors.Is(err, ErrName) {
				t.Fatalf("%v is no ErrName", err)
			}
			return
		}
		oneElement(t, name)
		whole := fmt.Sprintf("%s_%s_%s-%s", pod, namespace, container, id)
		stem, ok := strings.CutSuffix(name, ".log")
		if !ok || !strings.HasPrefix(whole, stem) || len(stem) != min(len(whole), 251) {
			t.Fatalf("%q of %q", name, whole)
		}
		if len(whole) >= 251 || strings.ContainsAny(pod+namespace, "_") || strings.Contains(id, "-") {
			return
		}
		p, n, c, i, ok := ParseLegacyLinkName(name)
		if !ok || p != pod || n != namespace || c != container || i != id {
			t.Fatalf("%q parses as %q, %q, %q, %q, %v", name, p, n, c, i, ok)
		}
	})
}

func FuzzParseLegacyLinkName(f *testing.F) {
	for _, s := range []string{"web-0_default_app-2-0123.log", "a_b_c-d.log", "a_b_c_d-e-f.log", "a_b.log", "../a_b_c-d.log"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		pod, namespace, container, id, ok := ParseLegacyLinkName(name)
		if !ok {
			return
		}
		oneElement(t, name)
		if again, err := LegacyLinkName(pod, namespace, container, id); err != nil || again != name {
			t.Fatalf("%q comes back as %q, %v", name, again, err)
		}
	})
}

func FuzzRelativeLogPath(f *testing.F) {
	f.Add("/var/log/pods", "/var/log/pods/ns_pod_uid", "app/0.log")
	f.Add("/var/log/pods", "/var/log/pods/ns_pod_uid", "../x/0.log")
	f.Add("/", "/..", "..")
	f.Add("//", "/a/./b", "c/../d")
	f.Fuzz(func(t *testing.T, root, dir, path string) {
		rel, err := RelativeLogPath(root, dir, path)
		if err != nil {
			return
		}
		if !filepath.IsLocal(rel) || filepath.Clean(rel) != rel || !strings.Contains(rel, "/") || strings.Contains(rel, "\x00") {
			t.Fatalf("RelativeLogPath(%q, %q, %q) = %q", root, dir, path, rel)
		}
		if filepath.Join(root, rel) != filepath.Join(dir, path) {
			t.Fatalf("RelativeLogPath(%q, %q, %q) = %q is not where the runtime writes", root, dir, path, rel)
		}
	})
}
