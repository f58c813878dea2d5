package logline

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

const stamp = "2016-10-06T00:17:09.669794202Z"

var stamped = time.Date(2016, 10, 6, 0, 17, 9, 669794202, time.UTC)

func TestParseCRI(t *testing.T) {
	for in, want := range map[string]record{
		stamp + " stdout F content":                           {stream: Stdout, text: []byte("content")},
		stamp + " stderr P part ":                             {stream: Stderr, partial: true, text: []byte("part ")},
		stamp + " stdout F ":                                  {stream: Stdout},
		stamp + " stdout F:tag:x a b\r":                       {stream: Stdout, text: []byte("a b\r")},
		stamp + " stdout F \x00\xff {\"log\":1}":              {stream: Stdout, text: []byte("\x00\xff {\"log\":1}")},
		"2016-10-06T02:17:09.669794202+02:00 stdout P:x text": {stream: Stdout, partial: true, text: []byte("text")},
		"2016-10-05T18:47:09.669794202-05:30 stdout P text":   {stream: Stdout, partial: true, text: []byte("text")},
	} {
		got := parseCRI([]byte(in))
		if got.err != nil || !got.time.Equal(stamped) || got.stream != want.stream || got.partial != want.partial || !bytes.Equal(got.text, want.text) {
			t.Errorf("parseCRI(%q) = %+v, want %+v", in, got, want)
		}
	}
	for in, want := range map[string]error{
		"x": errTime, stamp: errStream, stamp + " ": errStream, stamp + "  stdout F x": errStream, stamp + " stdin F x": errStream,
		"2016-10-06 stdout F x": errTime, "2016-02-30T00:17:09Z stdout F x": errTime, "\xff": errTime,
		stamp + " stdout": errTag, stamp + " stdout X x": errTag, stamp + " stdout FP x": errTag, stamp + " stdout  x": errTag,
		stamp + " stdout F": errText, stamp + " stdout P:x": errText,
	} {
		got := parseCRI([]byte(in))
		if !errors.Is(got.err, want) || !errors.Is(got.err, ErrGarbage) || string(got.text) != in {
			t.Errorf("parseCRI(%q) = %+v, want all of it with %v", in, got, want)
		}
	}
}

// A record is read the same as by cutting it at its first three spaces.
func FuzzParseCRI(f *testing.F) {
	for _, seed := range []string{
		stamp + " stdout F content", "2016-10-06T00:17:09.669794202+02:00 stderr P:a:b ", stamp + " stdout F", "  ",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := parseCRI(bytes.Clone(b))
		parts := strings.SplitN(string(b), " ", 4)
		when, err := time.Parse(time.RFC3339Nano, parts[0])
		good := err == nil && len(parts) == 4 && (parts[1] == "stdout" || parts[1] == "stderr")
		if good {
			tag, _, _ := strings.Cut(parts[2], ":")
			good = tag == "P" || tag == "F"
		}
		switch {
		case good != (got.err == nil):
			t.Fatalf("%q: %+v, want an error: %t", b, got, !good)
		case !good && !bytes.Equal(got.text, b):
			t.Fatalf("%q is lost: %+v", b, got)
		case good && (!got.time.Equal(when) || got.stream.String() != parts[1] || got.partial != (parts[2][0] == 'P') || string(got.text) != parts[3]):
			t.Fatalf("%q parses as %+v", b, got)
		}
	})
}

func TestParseTime(t *testing.T) {
	for _, good := range []string{
		stamp, "2016-10-06T00:17:09Z", "2016-10-06T00:17:09.5Z", "2016-10-06T00:17:09.000000001+05:45", "2016-12-31T23:59:59.999999999-11:30",
		"2024-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z",
	} {
		want, err := time.Parse(time.RFC3339Nano, good)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := parseCommonTime([]byte(good)); !ok || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%q is %v, common %t, want %v", good, got, ok, want)
		}
	}
	for _, bad := range []string{
		"", "Z", "2016-10-06T00:17:09", "2016-10-06T00:17:60Z", "2016-10-06T24:00:00Z", "2016-02-30T00:17:09Z", "2023-02-29T00:00:00Z", "2016-13-01T00:17:09Z",
		"2016-10-06T00:17:09.Z", "2016-10-06t00:17:09Z", "2016-10-06T00:17:09z", "2016-10-06T00:17:09.1", "2016-10-06T00:17:09+2:00", "2016-10-06T00:17:09 02:00",
	} {
		if got, err := parseTime([]byte(bad)); err == nil {
			t.Errorf("%q is %v", bad, got)
		}
	}
}

// What the quick parser takes is what time.Parse makes of it, to the nanosecond.
func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{stamp, "2016-10-06T00:17:09.000000001+05:45", "2024-02-30T00:00:00-00:00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		want, err := time.Parse(time.RFC3339Nano, string(b))
		if got, ok := parseCommonTime(b); ok && (err != nil || !got.Equal(want)) {
			t.Errorf("%q is %v, want %v, %v", b, got, want, err)
		}
		if got, wrong := parseTime(b); (wrong == nil) != (err == nil) || err == nil && !got.Equal(want) {
			t.Errorf("%q is %v, %v, want %v, %v", b, got, wrong, want, err)
		}
	})
}
