package runtimetest

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

func TestParseLine(t *testing.T) {
	at := time.Date(2016, 10, 6, 0, 17, 9, 669794202, time.UTC)
	for in, want := range map[string]line{
		"2016-10-06T00:17:09.669794202Z stdout F content":        {Time: at, Stream: "stdout", Content: []byte("content")},
		"2016-10-06T00:17:09.669794202Z stderr P part \n":        {Time: at, Stream: "stderr", Partial: true, Content: []byte("part ")},
		"2016-10-06T00:17:09.669794202Z stdout F \n":             {Time: at, Stream: "stdout", Content: []byte{}},
		"2016-10-06T00:17:09.669794202Z stdout F:tag:x a b\r\n":  {Time: at, Stream: "stdout", Content: []byte("a b\r")},
		"2016-10-06T00:17:09.669794202Z stdout F \x00\xff\n\n":   {Time: at, Stream: "stdout", Content: []byte("\x00\xff\n")},
		"2016-10-06T02:17:09.669794202+02:00 stdout P:x content": {Time: at, Stream: "stdout", Partial: true, Content: []byte("content")},
	} {
		got, err := parseLine([]byte(in))
		if err != nil || !got.Time.Equal(want.Time) || got.Stream != want.Stream || got.Partial != want.Partial || !bytes.Equal(got.Content, want.Content) {
			t.Errorf("parseLine(%q) = %+v, %v; want %+v", in, got, err, want)
		}
	}
	const stamp = "2016-10-06T00:17:09.669794202Z"
	for _, bad := range []string{"", "\n", "x", stamp, stamp + " ", stamp + " stdout", stamp + " stdout F", stamp + " stdin F x", stamp + " stdout X x", stamp + " stdout  x", "2016-10-06 stdout F x", `{"log":"x\n","stream":"stdout","time":"2016-10-06T00:17:09.669794202Z"}`} {
		if got, err := parseLine([]byte(bad)); !errors.Is(err, errLine) {
			t.Errorf("parseLine(%q) = %+v, %v; want errLine", bad, got, err)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add([]byte("2016-10-06T00:17:09.669794202Z stdout F content\n"))
	f.Add([]byte("2016-10-06T00:17:09.669794202+02:00 stderr P:a:b \n"))
	f.Add([]byte("  \n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		line, err := parseLine(b)
		if err != nil {
			if !errors.Is(err, errLine) {
				t.Fatalf("%v is no errLine", err)
			}
			return
		}
		if line.Stream != "stdout" && line.Stream != "stderr" || !bytes.HasSuffix(bytes.TrimSuffix(b, []byte("\n")), line.Content) {
			t.Fatalf("%q parses as %+v", b, line)
		}
	})
}
