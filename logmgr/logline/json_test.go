package logline

import (
	"bytes"
	"errors"
	"testing"
)

func TestParseJSON(t *testing.T) {
	const tail = `,"stream":"stdout","time":"` + stamp + `"}`
	for in, want := range map[string]struct {
		text    string
		partial bool
	}{
		`{"log":"content\n"` + tail:    {text: "content"},
		`{"log":"\n"` + tail:           {},
		`{"log":"part "` + tail:        {text: "part ", partial: true},
		`{"log":"two\nlines\n"` + tail: {text: "two\nlines"},
		`{"log":"a\r\n"` + tail:        {text: "a\r"},
		`{"log":"\u0000\u001b[1m \u003c\u003e\u0026 \ufffd\u2028\n"` + tail: {text: "\x00\x1b[1m <>& \ufffd\u2028"},
		`{"log":"{\"a\":\"b\\n\"}\t\b\f\/\n"` + tail:                        {text: `{"a":"b\n"}` + "\t\b\f/"},
		`{"log":"häuser \ud83d\ude00 \ud800 😀\n"` + tail:                    {text: "häuser 😀 \ufffd 😀"},
		`{"log":"content\n","attrs":{"tag":"a","env":"b"}` + tail:           {text: "content"},
		`{"log":"content\n","attrs":{}` + tail:                              {text: "content"},
		`{"log":"content\n","attrs":{"a":"\"{}\""}` + tail:                  {text: "content"},
		`{"log":"content\n","later":[{"x":1}]` + tail:                       {text: "content"},
		`{ "log" : "content\n"` + tail + " \r":                              {text: "content"},
		`{"time":"` + stamp + `","stream":"stdout","log":"content\n"}`:      {text: "content"},
		`{"stream":"stdout","time":"` + stamp + `"}`:                        {partial: true},
	} {
		got := parseJSON([]byte(in), nil)
		if got.err != nil || !got.time.Equal(stamped) || got.stream != Stdout || got.partial != want.partial || string(got.text) != want.text {
			t.Errorf("parseJSON(%q) = %+v (%q), want %+v", in, got, got.text, want)
		}
	}
	for in, want := range map[string]error{
		`{`: errJSON, `{}`: errTime, `{"log":"x\n"`: errJSON, `{"log":"x\n",}`: errJSON, `{,"log":"x\n"}`: errJSON, `{"log":"x` + "\n" + `"` + tail: errJSON,
		`{"log":"x\n"` + tail + `}`: errJSON, `{"log":"x\q"` + tail: errJSON, `{"log":5` + tail: errJSON, `{"log":"to{"log":"x\n"` + tail: errJSON,
		`{"log":"x\n","stream":"stdout","time":"now"}`: errTime, `{"log":"x\n","time":"` + stamp + `"}`: errStream, `{"log":"x\n","stream":"stdin","time":"` + stamp + `"}`: errStream,
	} {
		got := parseJSON([]byte(in), nil)
		if !errors.Is(got.err, want) || !errors.Is(got.err, ErrGarbage) || string(got.text) != in {
			t.Errorf("parseJSON(%q) = %+v, want all of it with %v", in, got, want)
		}
	}
}

// What the scanner takes is what encoding/json makes of it.
func FuzzParseJSON(f *testing.F) {
	for _, seed := range []string{
		`{"log":"content\n","stream":"stdout","time":"` + stamp + `"}`,
		`{"log":"\u003c\ud83d\ude00\"\\ ` + "\xff" + `","stream":"stderr","attrs":{"a":"b","c":"\n"},"time":"` + stamp + `"}`,
		`{"log":"","log":"b\n","stream":"","time":""}`, `{"attrs":{},"attrs":{"":""}}`, `{"LOG":null}`, `{}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		given := bytes.Clone(b)
		got, ok := scanFields(given, nil)
		if !bytes.Equal(given, b) {
			t.Fatalf("%q has become %q", b, given)
		}
		if !ok {
			return
		}
		want, valid := decodeFields(b)
		if !valid || !bytes.Equal(got.text, want.text) || got.whole != want.whole || !bytes.Equal(got.stream, want.stream) || !bytes.Equal(got.time, want.time) {
			t.Fatalf("%q is %+v, want %+v, valid %t", b, got, want, valid)
		}
	})
}

// Any byte that needs a second look is found wherever it is, and no other is.
func TestPlain(t *testing.T) {
	for c := range 256 {
		needs := c < ' ' || c == '"' || c == '\\' || c > 127
		for at := range 24 {
			b := bytes.Repeat([]byte("x"), 24)
			b[at] = byte(c)
			if got := plain(b); needs && got != at || !needs && got != len(b) {
				t.Fatalf("%q: %d", b, got)
			}
		}
	}
}

// What Docker writes is read by the scanner and not by the decoder, which is what makes
// it quick.
func TestScannerSuffices(t *testing.T) {
	for _, line := range []string{"plain", "\x1b[31mred\x1b[0m", `{"level":"info","path":"C:\\x"}`, "<a href=\"x\">&amp;</a>", "früh 早 😀", "\xff\xfe", "\x00", ""} {
		if _, ok := scanFields(bytes.TrimSuffix(dockerRecord(Stdout, line+"\n"), []byte("\n")), nil); !ok {
			t.Errorf("%q is left to the decoder", line)
		}
	}
}
