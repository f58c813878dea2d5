package policy_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/policy"
)

// drawRotation draws an override that sets some settings.
func drawRotation(t *rapid.T) config.RotationOverride {
	size := rapid.Custom(func(t *rapid.T) config.Size { return config.Size(rapid.Int64Range(4<<10, 1<<31).Draw(t, "size")) })
	span := rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.Int64Range(1, 300).Draw(t, "hours")) * time.Hour
	})
	return config.RotationOverride{
		MaxSize:          rapid.Ptr(rapid.OneOf(size, rapid.Just(config.Size(-1))), true).Draw(t, "maxSize"),
		MaxFiles:         rapid.Ptr(rapid.IntRange(2, 100), true).Draw(t, "maxFiles"),
		MaxFilesUnread:   rapid.Ptr(rapid.IntRange(0, 100), true).Draw(t, "maxFilesUnread"),
		MaxAge:           rapid.Ptr(rapid.OneOf(span, rapid.Just(time.Duration(0)), rapid.Just(time.Second)), true).Draw(t, "maxAge"),
		DeleteAfter:      rapid.Ptr(rapid.OneOf(span, rapid.Just(time.Duration(0))), true).Draw(t, "deleteAfter"),
		MaxTotalSize:     rapid.Ptr(rapid.OneOf(size, rapid.Just(config.Size(0))), true).Draw(t, "maxTotalSize"),
		Compression:      rapid.Ptr(rapid.SampledFrom([]config.Compression{"none", "gzip", "zstd"}), true).Draw(t, "compression"),
		CompressAfter:    rapid.Ptr(span, true).Draw(t, "compressAfter"),
		KeepAfterRemoval: rapid.Ptr(rapid.OneOf(span, rapid.Just(time.Duration(0))), true).Draw(t, "keepAfterRemoval"),
	}
}

// drawConfig draws a valid configuration with a few rules.
func drawConfig(t *rapid.T) config.Configuration {
	c := config.Default()
	c.Rotation = drawRotation(t).Over(c.Rotation)
	c.Annotations.Ceiling = config.Ceiling{
		MaxSize:          config.Size(rapid.Int64Range(4<<10, 1<<30).Draw(t, "ceiling")),
		MaxFiles:         rapid.IntRange(2, 50).Draw(t, "ceiling"),
		KeepAfterRemoval: time.Duration(rapid.IntRange(0, 300).Draw(t, "ceiling")) * time.Hour,
	}
	for range rapid.IntRange(0, 3).Draw(t, "rules") {
		c.Policies = append(c.Policies, config.Policy{
			Match: config.Match{
				Namespace: rapid.SampledFrom([]string{"", "a", "b*"}).Draw(t, "namespace"),
				Container: rapid.SampledFrom([]string{"", "app", "side*"}).Draw(t, "container"),
			},
			Rotation: drawRotation(t),
		})
	}
	if rapid.Bool().Draw(t, "keepDir is off") {
		c.KeepDir = ""
	}
	if c.Validate() != nil {
		t.Skip("settings that do not go together")
	}
	return c
}

// drawContainer draws a container whose pod has annotations, sensible ones and
// others.
func drawContainer(t *rapid.T) logmgr.Container {
	value := rapid.OneOf(
		rapid.SampledFrom([]string{
			"1Mi", "50Mi", "1Gi", "-1", "0", "1", "2", "20", "100", "0s", "1s", "90s", "24h", "1000h", "gzip", "zstd", "none", "7Ei", "100m", "",
		}),
		rapid.String(),
	)
	key := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom([]string{"", "app.", "sidecar.", "x."}).Draw(t, "container") + "cri-logshim.io/" +
				rapid.SampledFrom(config.RotationSettings()).Draw(t, "setting")
		}),
		rapid.Map(rapid.String(), func(s string) string { return "cri-logshim.io/" + s }),
		rapid.String(),
	)
	return logmgr.Container{
		Namespace:      rapid.SampledFrom([]string{"a", "b", "bb", "c", ""}).Draw(t, "namespace"),
		Name:           rapid.SampledFrom([]string{"app", "sidecar", "other", ""}).Draw(t, "name"),
		PodAnnotations: rapid.MapOfN(key, value, 0, 12).Draw(t, "annotations"),
	}
}

func without(c logmgr.Container, keys ...string) logmgr.Container {
	c.PodAnnotations = maps.Clone(c.PodAnnotations)
	for _, key := range keys {
		delete(c.PodAnnotations, key)
	}
	return c
}

// TestResultIsValid: whatever a pod says, what holds for it could be the node's
// own rotation.
func TestResultIsValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfig(t)
		res := policy.New(c, nil).Resolve(drawContainer(t))
		c.Rotation, c.Policies = res.Rotation, nil
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v", res.Rotation, err)
		}
	})
}

// TestNeverBeyondBounds: what an annotation sets is within the ceilings, and no
// looser than the node where a pod can only be stricter.
func TestNeverBeyondBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, container := drawConfig(t), drawContainer(t)
		resolver := policy.New(c, nil)
		node := resolver.Resolve(without(logmgr.Container{Namespace: container.Namespace, Name: container.Name})).Rotation
		res := resolver.Resolve(container)
		got, ceiling := res.Rotation, c.Annotations.Ceiling
		looser := map[string]bool{
			"maxSize":          got.MaxSize > ceiling.MaxSize || got.MaxSize < 0,
			"maxFiles":         got.MaxFiles > ceiling.MaxFiles,
			"maxFilesUnread":   got.MaxFilesUnread > ceiling.MaxFiles,
			"maxAge":           node.MaxAge > 0 && (got.MaxAge == 0 || got.MaxAge > node.MaxAge),
			"deleteAfter":      node.DeleteAfter > 0 && (got.DeleteAfter == 0 || got.DeleteAfter > node.DeleteAfter),
			"maxTotalSize":     node.MaxTotalSize > 0 && (got.MaxTotalSize == 0 || got.MaxTotalSize > node.MaxTotalSize),
			"keepAfterRemoval": got.KeepAfterRemoval > max(ceiling.KeepAfterRemoval, node.KeepAfterRemoval) || got.KeepAfterRemoval < node.KeepAfterRemoval,
		}
		for _, s := range res.Settings() {
			if s.Source.Kind == policy.FromAnnotation && looser[s.Name] {
				t.Errorf("%s is %s from %s", s.Name, s.Value, s.Source)
			}
		}
	})
}

// TestFaultChangesNothingElse: an annotation that is ignored might as well not
// be there.
func TestFaultChangesNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		resolver, container := policy.New(drawConfig(t), nil), drawContainer(t)
		res := resolver.Resolve(container)
		var ignored []string
		for _, p := range res.Problems {
			if p.Ignored {
				ignored = append(ignored, p.Annotation)
			}
		}
		clean := resolver.Resolve(without(container, ignored...))
		if diff := cmp.Diff(values(res), values(clean)); diff != "" {
			t.Errorf("without %q (-with +without):\n%s", ignored, diff)
		}
		if len(clean.Problems) != len(res.Problems)-len(ignored) {
			t.Errorf("problems %v and %v, though only %q are gone", res.Problems, clean.Problems, ignored)
		}
	})
}

// TestFollowed: an annotation without a problem holds as it was written, and one
// for the container holds over one for the pod.
func TestFollowed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		container := drawContainer(t)
		res := policy.New(drawConfig(t), nil).Resolve(container)
		ignored, bounded := map[string]bool{}, map[string]bool{}
		for _, p := range res.Problems {
			ignored[p.Annotation], bounded[p.Annotation] = p.Ignored, !p.Ignored
		}
		for _, name := range config.RotationSettings() {
			own, pods := container.Name+".cri-logshim.io/"+name, "cri-logshim.io/"+name
			for _, key := range []string{own, pods} {
				text, there := container.PodAnnotations[key]
				if !there || ignored[key] {
					continue
				}
				if bounded[key] {
					break
				}
				o, err := config.ParseRotationSetting(name, text)
				if err != nil {
					t.Errorf("%s: %q has no problem, but: %v", key, text, err)
				} else if o.Over(res.Rotation) != res.Rotation {
					t.Errorf("%s: %q has no problem, but the setting is %s", key, text, res.Rotation.Text(name))
				}
				break
			}
		}
	})
}

// TestRulesAreLayers: without annotations each setting is the first matching
// rule's, or the node's.
func TestRulesAreLayers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfig(t)
		container := without(logmgr.Container{
			Namespace: rapid.SampledFrom([]string{"a", "bb", "c"}).Draw(t, "namespace"),
			Name:      rapid.SampledFrom([]string{"app", "sidecar", "other"}).Draw(t, "name"),
		})
		want := c.Rotation
		for _, p := range c.Policies {
			namespace := p.Match.Namespace == "" || p.Match.Namespace == container.Namespace || p.Match.Namespace == "b*" && container.Namespace == "bb"
			name := p.Match.Container == "" || p.Match.Container == container.Name || p.Match.Container == "side*" && container.Name == "sidecar"
			if namespace && name {
				want = p.Rotation.Over(want)
				break
			}
		}
		if got := policy.New(c, nil).Resolve(container); got.Rotation != want || len(got.Problems) > 0 {
			t.Errorf("got %+v, want %+v", got.Rotation, want)
		}
	})
}

// FuzzAnnotation holds that no key and value make Resolve panic, that what holds
// is valid, and that a problem is one line of bounded length.
func FuzzAnnotation(f *testing.F) {
	for _, name := range config.RotationSettings() {
		for _, value := range []string{"10Mi", "-1", "1e999999999", "0x7fffffffffffffff", "1h", "\xff\x00\n", "!!binary x", "&a", "*a", ".inf", "null"} {
			f.Add("cri-logshim.io/"+name, value)
		}
	}
	f.Add("cri-logshim.io/"+strings.Repeat("\x00", 4000), strings.Repeat("\x00", 4000))
	f.Fuzz(func(t *testing.T, key, value string) {
		c := config.Default()
		res := policy.New(c, nil).Resolve(logmgr.Container{Name: "app", PodAnnotations: map[string]string{key: value}})
		c.Rotation = res.Rotation
		if err := c.Validate(); err != nil {
			t.Errorf("not valid: %v", err)
		}
		if len(res.Problems) == 0 && res.Rotation != config.Default().Rotation && !strings.Contains(key, "cri-logshim.io/") {
			t.Errorf("%q is followed", key)
		}
		for _, p := range res.Problems {
			if text := p.String(); strings.ContainsAny(text, "\n\x00") || len(text) > 2000 {
				t.Errorf("said of it: %q", text)
			}
		}
	})
}
