package logline

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// logs are some megabytes of what containers write, in both formats.
func logs(docker bool) map[string][]byte {
	made := map[string][]byte{}
	for name, text := range map[string]string{
		"access": `10.0.0.1 - - [06/Oct/2016:00:17:09 +0000] GET /api/v1/items?page=%d HTTP/1.1 200 5316 - curl/7.88.1`,
		"json":   `{"level":"info","ts":"2016-10-06T00:17:09.669Z","caller":"server/server.go:%d","msg":"request","method":"GET","status":200}`,
		"short":  `tick %d`,
	} {
		var log bytes.Buffer
		for i := 0; log.Len() < 4<<20; i++ {
			line := fmt.Sprintf(text, i)
			if docker {
				log.Write(dockerRecord(Stdout, line+"\n"))
			} else {
				log.Write(criRecord(Stdout, false, line))
			}
		}
		made[name] = log.Bytes()
	}
	return made
}

func readThrough(b *testing.B, r *Reader) {
	b.Helper()
	for {
		line, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil || line.Err != nil {
			b.Fatal(err, line.Err)
		}
	}
}

func BenchmarkReader(b *testing.B) {
	for format, docker := range map[string]bool{"CRI": false, "Docker": true} {
		for name, log := range logs(docker) {
			b.Run(format+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(log)))
				b.ReportAllocs()
				for b.Loop() {
					readThrough(b, NewReader(bytes.NewReader(log), 0))
				}
			})
		}
	}
}

// BenchmarkDecoder is what the Reader is compared to: a decoder for any JSON.
func BenchmarkDecoder(b *testing.B) {
	for name, log := range logs(true) {
		b.Run("Docker/"+name, func(b *testing.B) {
			b.SetBytes(int64(len(log)))
			for b.Loop() {
				in := bufio.NewReaderSize(bytes.NewReader(log), 64<<10)
				for line, err := in.ReadSlice('\n'); err == nil; line, err = in.ReadSlice('\n') {
					if err := json.Unmarshal(line, &struct {
						Log    string    `json:"log"`
						Stream string    `json:"stream"`
						Time   time.Time `json:"time"`
					}{}); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// A log is read without an allocation for each of its lines, whatever the node's time zone.
func TestReaderAllocatesNoLine(t *testing.T) {
	for name, record := range map[string][]byte{
		"CRI":                 criRecord(Stdout, false, "text"),
		"CRI, local time":     []byte("2016-10-06T05:47:09.669794202+05:30 stdout F text\n"),
		"CRI, two pieces":     append(criRecord(Stdout, true, "text"), criRecord(Stdout, false, "text")...),
		"Docker":              dockerRecord(Stdout, "text\n"),
		"Docker, with quotes": dockerRecord(Stdout, "\"text\"\n"),
	} {
		t.Run(name, func(t *testing.T) {
			const lines = 10_000
			log := strings.Repeat(string(record), lines)
			allocated := testing.AllocsPerRun(3, func() {
				r := NewReader(strings.NewReader(log), 0)
				for n := 0; ; n++ {
					line, err := r.Next()
					if errors.Is(err, io.EOF) && n == lines {
						return
					}
					if err != nil || line.Err != nil {
						t.Fatal(n, err, line.Err)
					}
				}
			})
			if allocated > 20 {
				t.Errorf("%.0f allocations for %d lines", allocated, lines)
			}
		})
	}
}
