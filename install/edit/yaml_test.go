package edit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cri-logshim/cri-logshim/install/edit"
)

const (
	key  = "containerRuntimeEndpoint"
	shim = "unix:///run/cri-logshim/kubelet.sock"
)

// A key gets its value and every other byte stays, however the file is written; and what was
// set can be taken out again.
func TestSet(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"nothing":       {"", key + ": " + shim + "\n"},
		"comments only": {"# kubelet\n", "# kubelet\n" + key + ": " + shim + "\n"},
		"absent": {
			"# kubelet\nkind: KubeletConfiguration\nevictionHard:\n  memory.available: 1% # low\n",
			"# kubelet\nkind: KubeletConfiguration\nevictionHard:\n  memory.available: 1% # low\n" + key + ": " + shim + "\n",
		},
		"no line feed at the end":    {"a: 1", "a: 1\n" + key + ": " + shim + "\n"},
		"present, with a comment":    {key + ":  unix:///run/x.sock   # mine\nb: 2\n", key + ":  " + shim + "   # mine\nb: 2\n"},
		"in double quotes":           {key + `: "unix:///run/\"x\".sock" # mine` + "\n", key + `: "` + shim + `" # mine` + "\n"},
		"in single quotes":           {key + ": 'unix:///it''s.sock'\n", key + ": '" + shim + "'\n"},
		"empty":                      {key + ": \"\"\nb: 2\n", key + ": \"" + shim + "\"\nb: 2\n"},
		"without a value":            {key + ":\nb: 2\n", key + ": " + shim + "\nb: 2\n"},
		"without a value, commented": {key + ": # later\nb: 2\n", key + ": " + shim + " # later\nb: 2\n"},
		"null":                       {key + ": null\nb: 2\n", key + ": " + shim + "\nb: 2\n"},
		"after a document's start":   {"---\na: ü\n" + key + ": x\n", "---\na: ü\n" + key + ": " + shim + "\n"},
		"line feeds of Windows":      {"a: 1\r\n" + key + ": x\r\nb: 2\r\n", "a: 1\r\n" + key + ": " + shim + "\r\nb: 2\r\n"},
		"of the same name deeper":    {"a:\n  " + key + ": x\n", "a:\n  " + key + ": x\n" + key + ": " + shim + "\n"},
		"after a block of text":      {"a: |\n  text\n", "a: |\n  text\n" + key + ": " + shim + "\n"},
		"JSON":                       {"{\n  \"" + key + "\": \"x\",\n  \"b\": 2\n}\n", "{\n  \"" + key + "\": \"" + shim + "\",\n  \"b\": 2\n}\n"},
		"JSON, absent":               {"{\n  \"b\": {\"c\": 2}\n}\n", "{\n  \"" + key + "\": \"" + shim + "\",\n  \"b\": {\"c\": 2}\n}\n"},
		"JSON on one line":           {`{"b":2}`, `{"` + key + `": "` + shim + `", "b":2}`},
		"JSON, nothing":              {"{}\n", `{"` + key + `": "` + shim + "\"}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := edit.Set([]byte(test.text), key, shim)
			if err != nil || string(got) != test.want {
				t.Fatalf("%v\n%s", err, cmp.Diff(test.want, string(got)))
			}
			if again, err := edit.Set(got, key, shim); err != nil || string(again) != test.want {
				t.Errorf("set twice: %v\n%s", err, cmp.Diff(test.want, string(again)))
			}
			if value, found, err := edit.Lookup(got, key); value != shim || !found || err != nil {
				t.Errorf("it is %q, %t, %v", value, found, err)
			}
			if _, found, _ := edit.Lookup([]byte(test.text), key); !found {
				back, err := edit.Remove(got, key)
				if want := strings.TrimSuffix(test.text, "\n"); err != nil || strings.TrimSuffix(string(back), "\n") != want {
					t.Errorf("taken out again: %v\n%s", err, cmp.Diff(test.text, string(back)))
				}
			}
		})
	}
}

// What is not understood is not edited: the text is wrong, or written in a form that somebody
// has to edit by hand. Nothing is ever half right.
func TestRefused(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		form bool
		says string
	}{
		"no YAML":         {"a: [1\n", false, "line 1"},
		"a list":          {"- a\n", false, "line 1: must be keys with values"},
		"a key twice":     {"a: 1\na: 2\n", false, "line 2"},
		"two documents":   {"a: 1\n---\nb: 2\n", false, "second document"},
		"several lines":   {key + ": >\n  unix:///x\nb: 2\n", true, "line 1"},
		"an anchor":       {key + ": &e x\nb: *e\n", true, "line 1"},
		"a mapping":       {key + ": {a: 1}\n", true, "line 1"},
		"after the end":   {"a: 1\n...\n", true, key},
		"over two lines":  {key + ": \"a\n  b\"\n", true, "line 1"},
		"by another name": {"e: &e x\n" + key + ": *e\n", true, "line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := edit.Set([]byte(test.text), key, shim)
			if err == nil || errors.Is(err, edit.ErrForm) != test.form || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want %q; the text would be:\n%s", err, test.says, got)
			}
		})
	}
}

// Whatever a file holds, editing it ends; and if it succeeds, the key has the value, and a
// second time changes nothing.
func FuzzSet(f *testing.F) {
	f.Add("a: 1\n"+key+": x\n", "y")
	f.Add("{\"a\": [1]}", "unix:///x")
	f.Add(key+": 'it''s'\n", "1P")
	f.Add(key+":\r\n", "# no")
	f.Fuzz(func(t *testing.T, text, value string) {
		got, err := edit.Set([]byte(text), key, value)
		if err != nil {
			return
		}
		if read, found, err := edit.Lookup(got, key); err != nil || !found || read != value {
			t.Fatalf("it is %q, %t, %v, want %q in\n%q", read, found, err, value, got)
		}
		if again, err := edit.Set(got, key, value); err != nil || string(again) != string(got) {
			t.Fatalf("set twice: %v\n%q\n%q", err, got, again)
		}
		if gone, err := edit.Remove(got, key); err == nil {
			if _, found, err := edit.Lookup(gone, key); found || err != nil {
				t.Fatalf("removed, and found, %v, in\n%q", err, gone)
			}
		}
	})
}
